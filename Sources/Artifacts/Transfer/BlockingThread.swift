import NIOPosix

/// Runs a blocking call (disk, mostly) on a thread that may wait, and not on one of the few that run all async code.
package func onBlockingThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result
{
    try await NIOThreadPool.singleton.runIfActive(body)
}
