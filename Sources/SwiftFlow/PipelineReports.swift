import Digests
import Execution
import PipelineViews
import Scheduling
import Tracking

extension StandardServices {
    /// The report of a pipeline's run as an HTML page, made from the store alone.
    package func pipelineReport(of runID: String) async throws -> [UInt8] {
        let runArtifacts = ResolvedRunArtifacts(
            resolver: artifacts, digests: DigestCache(at: nil), localFolder: { localFolder(ofArtifactURI: $0) })
        var server: String?
        if case .server(let url) = storeLocation { server = reportAddress(url) }
        let record = try await PipelineRecord(
            of: runID, in: try await store.get(), artifacts: runArtifacts, at: currentTimeMilliseconds(),
            serverURL: server)
        return PipelineReport(record).html
    }
}

/// A server's address as it may stand in a page that is passed around: without a password.
private func reportAddress(_ uri: String) -> String {
    guard let scheme = uri.firstRange(of: "://") else { return uri }
    let rest = uri[scheme.upperBound...]
    let host = rest.prefix { $0 != "/" }
    guard let at = host.lastIndex(of: "@") else { return String(uri.reversed().drop { $0 == "/" }.reversed()) }
    return String(uri[..<scheme.upperBound]) + rest[rest.index(after: at)...]
}
