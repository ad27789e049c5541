import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Environments

@Suite(.timeLimit(.minutes(10)))
struct EnvironmentStoreTests {
    private static let name = "mlflow-" + String(repeating: "a", count: 40)
    private static let other = "mlflow-" + String(repeating: "b", count: 40)

    private let fixture: EnvironmentFixture
    private let store: EnvironmentStore

    init() throws {
        fixture = try EnvironmentFixture()
        store = EnvironmentStore(root: fixture.root)
    }

    /// Builds an environment that is a folder with a program in it.
    private func build(_ name: String = name, _ content: String = "python") async throws -> ReadyEnvironment {
        try await store.obtain(name, report: { _ in }) { folder in
            let directory = try Directory(opening: folder)
            try directory.makeDirectory(RelativePath("bin"))
            try directory.writeFile(RelativePath("bin/python"), Array(content.utf8))
            return EnvironmentRecord(manager: "uv", fingerprint: name, created: 1_700_000_000, python: "3.11")
        }
    }

    @Test(arguments: [
        (["MLFLOW_ENV_ROOT": "/a/b"], "/a/b"), (["MLFLOW_ENV_ROOT": "envs/../x", "HOME": "/h"], "/work/x"),
        (["HOME": "/h"], "/h/.mlflow/envs"), (["HOME": "/h", "MLFLOW_ENV_ROOT": ""], "/h/.mlflow/envs"),
    ])
    func `the root is MLflow's`(variables: [String: String], root: String) throws {
        #expect(
            try EnvironmentStore.defaultRoot(variables: variables, workingDirectory: "/work").string == root)
    }

    @Test func `without a home there is an error, not a guess`() {
        #expect(throws: EnvironmentError.self) {
            try EnvironmentStore.defaultRoot(variables: ["HOME": "relative"], workingDirectory: "/work")
        }
    }

    @Test func `a root with a colon in it is refused, since PATH could not name it`() async throws {
        let store = EnvironmentStore(root: fixture.temporary.path.appending("a:b"))
        let error = await #expect(throws: EnvironmentError.self) {
            try await store.obtain(Self.name, report: { _ in }) { _ in throw CancellationError() }
        }
        #expect(error?.description.contains("contains a colon") == true)
    }

    @Test func `a record says again what was written`() {
        let activation = VirtualActivation(prompt: "a=b", promptWhenDisabled: nil, shellPrompt: "(x) ")
        let record = EnvironmentRecord(
            manager: "uv", fingerprint: "f", created: 5, python: "3.11", prefix: "/p q", isComplete: false,
            activation: activation)
        #expect(EnvironmentRecord(Array(record.text.utf8)) == record)
        for length in 0..<record.text.utf8.count {
            #expect(EnvironmentRecord(Array(record.text.utf8.prefix(length))) == nil || length > 40)
        }
        #expect(EnvironmentRecord(Array(record.text.utf8.dropLast())) == nil)
    }

    @Test func `E-04 a mark for another environment, or none at all, does not count`() async throws {
        _ = try await build()
        let mark = try RelativePath("envs/\(Self.name)/\(EnvironmentRecord.fileName)")
        for text in ["", "swiftflow environment 1\n", "swiftflow environment 2\nmanager=uv\n"] {
            try fixture.temporary.directory.writeFile(mark, Array(text.utf8))
            #expect(try store.ready(Self.name) == nil)
        }
        let record = EnvironmentRecord(manager: "uv", fingerprint: Self.other, created: 1)
        try fixture.temporary.directory.writeFile(mark, Array(record.text.utf8))
        #expect(try store.ready(Self.name) == nil)
        #expect(try await build().wasBuilt)
    }

    @Test func `X-20 folders of the store are private, the record too`() async throws {
        let before = umask(0)
        defer { umask(before) }
        _ = try await build()
        for (path, mode) in [
            ("envs", 0o700), ("envs/\(Self.name)", 0o700), ("envs/.swiftflow", 0o700), ("envs/.swiftflow/locks", 0o700),
            ("envs/\(Self.name)/\(EnvironmentRecord.fileName)", 0o600),
        ] as [(String, UInt32)] {
            #expect(try fixture.temporary.directory.status(RelativePath(path))?.permissions == mode, "\(path)")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "giving files away takes root"))
    func `X-20 what another user has put there is refused`() async throws {
        _ = try await build()
        let folder = store.folder(Self.name)
        #expect(unsafe folder.withPlatformString { unsafe chown($0, 12345, 12345) } == 0)
        let error = await #expect(throws: EnvironmentError.self) { try await build() }
        #expect(error?.reason == .unusablePlace)
        #expect(error?.description.contains("belongs to another user") == true)
        #expect(unsafe folder.withPlatformString { unsafe chown($0, 0, 0) } == 0)
        #expect(unsafe folder.withPlatformString { unsafe chmod($0, 0o777) } == 0)
        await #expect(throws: EnvironmentError.self) { try await build() }
    }

    @Test(.enabled(if: geteuid() == 0, "mounting a small disk takes root"))
    func `E-04 on a full disk nothing half built is left, and the error says so`() async throws {
        let disk = fixture.temporary.path.appending("disk")
        try makeFolders(disk)
        let mounted = try await fixture.real.runTool(
            "/bin/mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk.string], environment: [:],
            workingDirectory: "/")
        guard mounted.end.isSuccess else { return }
        let store = EnvironmentStore(root: disk.appending("envs"))
        for _ in 0..<2 {
            let error = await #expect(throws: FileError.self) {
                try await store.obtain(Self.name, report: { _ in }) { folder in
                    let directory = try Directory(opening: folder)
                    for number in 0..<100 {
                        try directory.writeFile(RelativePath("file\(number)"), [UInt8](repeating: 0, count: 8192))
                    }
                    return EnvironmentRecord(manager: "uv", fingerprint: Self.name, created: 1)
                }
            }
            #expect(error?.errno == .noSpace)
            #expect(fileStatus(store.folder(Self.name)) == nil)
        }
        _ = try await fixture.real.runTool("/bin/umount", [disk.string], environment: [:], workingDirectory: "/")
    }

    // MARK: Listing and pruning

    @Test func `a store that does not exist is empty`() throws {
        #expect(try store.list() == [])
    }

    @Test func `the list tells manager, size, times and state`() async throws {
        var used: ReadyEnvironment? = try await build()
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/\(Self.other)/bin"))
        try fixture.temporary.directory.writeFile(RelativePath("envs/notes.txt"), [1])
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/something-else"))
        try CondaRecords(root: fixture.root).write(
            "mlflow-" + String(repeating: "c", count: 40), prefix: "/gone", isComplete: true)
        let list = try store.list()
        #expect(list.map(\.name.last) == ["a", "b", "c"])
        #expect(list.map(\.manager) == ["uv", nil, "conda"])
        #expect(list.map(\.isComplete) == [true, false, false])
        #expect(list.map(\.isForeign) == [false, true, false])
        #expect(list.map(\.isInUse) == [true, false, false])
        #expect(list[0].python == "3.11")
        #expect(list[0].created == 1_700_000_000)
        #expect(list[0].size > 6)
        #expect(abs((list[0].lastUsed ?? 0) - secondsSince1970()) < 100)
        used = nil
        #expect(used == nil)
        #expect(try store.list()[0].isInUse == false)
    }

    @Test func `E-04 what was begun and not finished is pruned, what MLflow made is not`() async throws {
        await #expect(throws: CancellationError.self) {
            try await store.obtain(Self.name, report: { _ in }) { _ in throw CancellationError() }
        }
        // As after a kill in the middle of a build.
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/\(Self.name)"))
        try fixture.temporary.directory.writeFile(RelativePath("envs/.swiftflow/begun/\(Self.name)"), [])
        try fixture.temporary.directory.makeDirectory(RelativePath("envs/\(Self.other)/bin"))
        let removed = try await store.prune(PruneRule(unusedFor: nil), variables: [:], processes: nil)
        #expect(removed.map(\.name) == [Self.name])
        #expect(try fixture.list("envs") == [".swiftflow", Self.other])
        #expect(try store.list().map(\.isForeign) == [true])
    }

    @Test func `old environments go, those in use and young ones stay`() async throws {
        let used = try await build()
        _ = try await build(Self.other)
        let soon = secondsSince1970() + 3600
        let week = PruneRule(unusedFor: .seconds(7 * 86_400))
        #expect(try await store.prune(week, variables: [:], processes: nil) == [])
        let later = soon + 7 * 86_400
        #expect(
            try await store.prune(week, now: later, isDryRun: true, variables: [:], processes: nil).map(\.name) == [
                Self.other
            ])
        #expect(try fixture.list("envs").count == 3)
        #expect(try await store.prune(week, now: later, variables: [:], processes: nil).map(\.name) == [Self.other])
        #expect(try fixture.list("envs") == [".swiftflow", Self.name])
        withExtendedLifetime(used) {}
        #expect(try await build(Self.other).wasBuilt)
    }

    @Test func `using an environment makes it young again`() async throws {
        _ = try await build()
        let mark = store.folder(Self.name).appending(EnvironmentRecord.fileName)
        var old = [timespec(tv_sec: 1_000_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 0)]
        #expect(unsafe mark.withPlatformString { unsafe utimensat(AT_FDCWD, $0, &old, 0) } == 0)
        #expect(try store.list()[0].lastUsed == 1_000_000_000)
        _ = try store.ready(Self.name, marksUse: false)
        #expect(try store.list()[0].lastUsed == 1_000_000_000)
        _ = try await build()
        #expect(try store.list()[0].lastUsed != 1_000_000_000)
    }

    @Test func `conda's environments are pruned by conda`() async throws {
        let fixture = try EnvironmentFixture(["conda.yaml": ""])
        let stand = try CondaStandIn(fixture)
        let variables = ["MLFLOW_CONDA_HOME": stand.home.string]
        let name = try await CondaEnvironment().prepare(
            fixture.request(.condaFile(try RelativePath("conda.yaml")), variables: variables)
        ).fingerprint
        let store = EnvironmentStore(root: fixture.root)
        let all = PruneRule(unusedFor: .zero)
        let machine = fixture.variables.merging(variables) { $1 }
        #expect(try await store.prune(all, variables: machine, processes: nil) == [])
        #expect(try await store.prune(all, variables: machine, processes: fixture.starter).map(\.name) == [name])
        #expect(fixture.starter.commands.last == ["conda", "remove", "--yes", "--name", name, "--all"])
        #expect(try store.list() == [])
    }
}
