import Diagnostics
import Files
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// A real small file system that fills up.
///
/// Mounting needs root: elsewhere the row is tested through the reserve of `TransferLimits` only.
@Suite(.timeLimit(.minutes(10)), .enabled(if: isRoot(), "mounting a small file system needs root")) struct `a full disk`
{
    @Test func `D-03 the partial file is removed and the disk given back`() async throws {
        try await withDownloads { folder, http in
            let keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
            let mount = try #require(findEngine("mount"))
            let unmount = try #require(findEngine("umount"))
            let disk = folder.path.appending("disk")
            try makeFolders(disk)
            func run(_ program: FilePath, _ arguments: [String]) async throws -> Bool {
                try await keeper.runTool(program, arguments, environment: [:], workingDirectory: "/").end.isSuccess
            }
            // A container without the right to mount has nothing to test here.
            guard try await run(mount, ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk.string]) else { return }
            var limits = TransferLimits()
            limits.reservedSpace = 0
            let small = limits
            do {
                try await RawHTTPServer.serving({ _, connection in
                    try await connection.send("HTTP/1.1 200 OK\r\n\r\n")
                    let block = [UInt8](repeating: 65, count: 1 << 16)
                    while true { try await connection.send(block) }
                }) { server in
                    let error = await #expect(throws: ArtifactError.self) {
                        try await downloadFile(
                            server.url("/endless"), to: disk.appending("file"), limits: small, retries: quickRetries,
                            http: http)
                    }
                    #expect(error?.reason == .noSpace)
                    #expect(error?.description.contains("disk is full") == true)
                    let target = try Directory(opening: disk)
                    #expect(try target.list().isEmpty)
                }
                let local = LocalArtifactRepository(root: disk)
                let source = try Directory(creating: folder.path.appending("source"))
                try source.writeFile(RelativePath("big"), [UInt8](repeating: 1, count: 6 << 20))
                let error = await #expect(throws: (any Error).self) {
                    try await local.upload(source.path, to: .root, Transfer(limits: small))
                }
                #expect((error as? ArtifactError)?.reason == .noSpace)
                // All of it is free again, so this fits.
                try source.writeFile(RelativePath("big"), [UInt8](repeating: 1, count: 3 << 20))
                try await local.upload(source.path, to: .root, Transfer(limits: small))
                #expect(try await local.list(.root).count == 1)
            } catch {
                _ = try? await run(unmount, ["-l", disk.string])
                throw error
            }
            #expect(try await run(unmount, ["-l", disk.string]))
        }
    }
}
