import Diagnostics
import Files
import Glibc
import Projects
import SystemPackage
import Testing

/// A folder with these files, gone when the value is.
struct ProjectFixture {
    let folder: TemporaryDirectory
    var root: FilePath { folder.path }

    init(_ files: [String: String] = [:]) throws {
        folder = try TemporaryDirectory(prefix: "swiftflow-projects-test")
        for (name, text) in files { try write(text, "\(root)/\(name)") }
    }

    /// A project with this MLproject file.
    init(mlproject: String, _ files: [String: String] = [:]) throws {
        try self.init(files.merging(["MLproject": mlproject]) { first, _ in first })
    }

    func load() throws -> Project { try Project(loading: root) }

    /// The errors the project is refused with.
    func refusal() throws -> [String] {
        let error = #expect(throws: InvalidInput.self) { try Project(loading: root) }
        return try #require(error).diagnostics.map(\.description)
    }
}

/// Processor time of this thread: what a test may cost must not depend on what else the machine does.
struct ProcessorTime {
    private let time: Duration

    static var now: ProcessorTime {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return ProcessorTime(time: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    var elapsed: Duration { Self.now.time - time }
}
