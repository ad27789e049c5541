import Files
import Processes
import Synchronization
import SystemPackage

/// A package index on loopback: folders of wheels behind Python's own web server, as small company indexes are.
final class LoopbackIndex: Sendable {
    let url: String
    private let server: any RunningProcess

    /// Serves `demo_a` and `demo_b` in the given version.
    init(_ fixture: EnvironmentFixture, version: String = "1.0") async throws {
        let folder = fixture.temporary.path.appending("index")
        for name in ["demo-a", "demo-b"] {
            _ = try await WheelFolder(
                at: folder.appending("simple").appending(name), [(name.replacing("-", with: "_"), version)],
                with: fixture)
        }
        let announced = Signal()
        let output = Mutex<[UInt8]>([])
        guard let python = findExecutable("python3", searchPath: EnvironmentFixture.toolsPath) else {
            throw ProcessError("no python3 on PATH")
        }
        server = try await fixture.real.start(
            ProcessSpecification(
                executable: python,
                arguments: ["-I", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder.string, "0"],
                environment: fixture.variables, workingDirectory: folder,
                output: OutputHandling { stream, bytes in
                    output.withLock { $0 += EnvironmentFixture.copy(bytes) }
                    announced.fire()
                }))
        await announced.wait()
        // "Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ..."
        let words = output.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: " ")
        guard let word = words.firstIndex(of: "port"), words.indices.contains(word + 1) else {
            await server.stop(grace: .zero)
            throw ProcessError("the web server did not start")
        }
        url = "http://127.0.0.1:\(words[word + 1])/simple"
    }

    func stop() async {
        await server.stop(grace: .zero)
        _ = await server.wait()
    }
}
