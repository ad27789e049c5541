import Diagnostics
import Files
import GitMessages
import Glibc
import Synchronization
import SystemPackage

/// The whole life of a worker process: reads one request, does it, answers, ends.
package func runWorker() -> Int32 {
    let output = EventOutput()
    do {
        let request = try GitRequest(json: readRequest())
        try limitResources(request.limits)
        let watchdog = Watchdog(limits: request.limits) { output.write($0) }
        watchdog.start()
        try perform(request, output, watchdog)
        output.write(.finished)
        return 0
    } catch let failure as GitFailure {
        output.write(.failed(failure))
    } catch let error as GitError {
        output.write(.failed(GitFailure(isDamage(error) ? .damaged : .network, error.message)))
    } catch let error as any ExplainedError {
        let first = error.diagnostics.first
        output.write(.failed(GitFailure(.file, first?.message ?? "\(error)", remedy: first?.remedy)))
    } catch {
        output.write(.failed(GitFailure(.worker, "\(error)")))
    }
    return 1
}

private func perform(_ request: GitRequest, _ output: EventOutput, _ watchdog: Watchdog) throws {
    let reporter = ProgressReporter(output, watchdog)
    switch request.operation {
    case .resolve(let order):
        try prepare(order.origin, request.limits, watchdog)
        let resolver = Resolver(mirror: order.mirror, limits: request.limits, report: reporter.report)
        let answer = try resolver.resolve(order.version, from: order.origin)
        output.write(.resolved(commit: "\(answer.commit)", branch: answer.branch))
    case .checkout(let order):
        try prepare(order.origin, request.limits, watchdog)
        output.write(.checkedOut(try checkOut(order, limits: request.limits, report: reporter.report)))
    case .describe(let folder):
        try startLibrary(limits: request.limits, certificates: nil)
        let deadline = ContinuousClock.now + request.limits.dirtyCheck
        let (found, warnings) = describe(folder: folder)
        guard var description = found else {
            if let warning = warnings.first { throw GitFailure(.file, warning) }
            return
        }
        output.write(.described(description))
        description.isDirty = isDirty(description.workTree, until: deadline)
        output.write(.described(description))
    case .listCode(let order):
        try startLibrary(limits: request.limits, certificates: nil)
        try listCode(order, limits: request.limits) { output.write($0) }
    }
}

private func prepare(_ origin: GitOrigin, _ limits: GitLimits, _ watchdog: Watchdog) throws {
    switch origin {
    case .remote(let remote):
        watchdog.watch(place: remote.url)
        if let ssh = remote.ssh { try offerHostKeys(ssh.hostKeys, of: remote) }
        try startLibrary(limits: limits, certificates: remote.certificates)
        if remote.scheme != "ssh" { try registerSocketStream() }
    case .folder(let folder):
        watchdog.watch(place: folder)
        try startLibrary(limits: limits, certificates: nil)
    }
}

/// Gives libgit2 a home of its own, which holds nothing but the host keys we know.
///
/// It looks there to decide which kind of key to ask the server for. Whether the key is right is decided by our own check.
private func offerHostKeys(_ keys: [GitSecureShell.HostKey], of remote: GitRemote) throws {
    let home = try TemporaryDirectory(prefix: "swiftflow-git")
    let name = remote.port == 22 ? remote.host : "[\(remote.host)]:\(remote.port)"
    let lines = keys.filter { !$0.isRevoked }.map { "\(name) \($0.type) \($0.base64)\n" }.joined()
    try home.directory.makeDirectory(RelativePath(".ssh"))
    try home.directory.writeFile(RelativePath(".ssh/known_hosts"), Array(lines.utf8))
    guard unsafe setenv("HOME", home.path.string, 1) == 0 else { throw FileError("use", home.path.string, .noMemory) }
    removedAtExit.withLock { $0 = home }
    atexit(removeHome)
}

private let removedAtExit = Mutex<TemporaryDirectory?>(nil)

private func removeHome() {
    removedAtExit.withLock { $0?.remove() }
}

/// Ends the worker in the middle of its work, and leaves nothing behind.
func endWorker(_ code: Int32) -> Never {
    removeHome()
    _exit(code)
}

private func readRequest() throws -> [UInt8] {
    var request: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while request.count < 1 << 20 {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(0, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw FileError("read", "standard input", Errno(rawValue: errno)) }
        if count == 0 { break }
        request += buffer.prefix(count)
    }
    return request
}

/// No core files, which would hold passwords, and no more memory than agreed.
private func limitResources(_ limits: GitLimits) throws {
    for (resource, value) in [(RLIMIT_CORE, 0), (RLIMIT_DATA, limits.memory)] {
        var limit = rlimit(rlim_cur: UInt(max(0, value)), rlim_max: UInt(max(0, value)))
        // A lower limit that is already there stays.
        _ = unsafe setrlimit(Int32(resource.rawValue), &limit)
    }
}

/// Writes events as lines; used by the work and by the watchdog.
final class EventOutput: Sendable {
    private let lock = Mutex(())

    func write(_ event: GitEvent) {
        guard let line = try? event.line() else { return }
        lock.withLock { _ in
            // A program that is gone is noticed by the watchdog.
            _ = unsafe line.withUnsafeBytes { bytes in try? unsafe FileDescriptor.standardOutput.writeAll(bytes) }
        }
    }
}

/// Passes progress on, at most ten times a second and at every change of phase.
private final class ProgressReporter {
    private let output: EventOutput
    private let watchdog: Watchdog
    private var last: (phase: GitProgress.Phase, time: ContinuousClock.Instant)?

    init(_ output: EventOutput, _ watchdog: Watchdog) {
        self.output = output
        self.watchdog = watchdog
    }

    func report(_ progress: GitProgress) {
        watchdog.note(progress.phase)
        let now = ContinuousClock.now
        if let last, last.phase == progress.phase, now - last.time < .milliseconds(100), progress.done != progress.total
        {
            return
        }
        last = (progress.phase, now)
        output.write(.progress(progress))
    }
}
