import Artifacts
import Diagnostics
import Execution
import Files
import SwiftFlow
import SystemPackage
import Tracking

/// Prints what a run's command wrote; with `follow` goes on until the run has ended.
func printLog(of run: Run, _ services: StandardServices, follow: Bool) async throws {
    guard let folder = localFolder(ofArtifactURI: run.info.artifactURI) else {
        return try await printRemoteLog(of: run, services)
    }
    let path = folder.appending("logs").appending("output.log")
    var offset: Int64 = 0
    while true {
        // Asked before reading, so that what was written just before the end is not missed.
        let hasEnded = try await services.store.get().run(id: run.info.runID).info.status.isTerminal
        offset = try copyToOutput(path, from: offset)
        if hasEnded || !follow { break }
        try await Task.sleep(for: .milliseconds(200))
    }
    if offset == 0 { Messages.note("the run has written nothing") }
}

private func printRemoteLog(of run: Run, _ services: StandardServices) async throws {
    let repository = try await services.artifacts.repository(at: run.info.artifactURI)
    let path = try RelativePath(RunLog.artifactPath)
    guard try await repository.entry(path) != nil else {
        return Messages.note(
            "there is no log at \(redactedURL(run.info.artifactURI)); it is uploaded when the run ends")
    }
    let folder = try TemporaryDirectory()
    let file = try await repository.download(path, into: folder.directory, Transfer())
    _ = try copyToOutput(file, from: 0)
}

/// Copies a file's bytes from an offset on to standard output; returns where it ended.
///
/// A missing file has none.
private func copyToOutput(_ path: FilePath, from start: Int64) throws -> Int64 {
    guard let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .noFollow]) else { return start }
    defer { try? file.close() }
    var offset = start
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = try unsafe buffer.withUnsafeMutableBytes {
            try unsafe file.read(fromAbsoluteOffset: offset, into: $0)
        }
        guard count > 0 else { return offset }
        guard Output.write(buffer[..<count]) else { return offset }
        offset += Int64(count)
    }
}
