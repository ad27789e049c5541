import Diagnostics
import Execution
import Files
import JSON
import KubernetesBackend
import Processes
import Synchronization
import Testing

private let labels = #""labels":{"swiftflow/job":"j"}"#

private func job(_ status: String = "{}") -> String {
    #"{"metadata":{"name":"j","uid":"uj",\#(labels)},"spec":{"backoffLimit":0},"status":\#(status)}"#
}

private func pod(_ state: String, phase: String = "Running", metadata: String = "") -> String {
    #"{"metadata":{"name":"j-1","uid":"up",\#(labels)\#(metadata)},"spec":{"containers":[{"name":"main"}]},"status":{"phase":"\#(phase)","containerStatuses":[{"name":"main","state":\#(state)}]}}"#
}

private let running = #"{"running":{}}"#
private func terminated(_ code: Int) -> String { #"{"terminated":{"exitCode":\#(code)}}"# }

/// The follower against a scripted cluster.
@Suite(.timeLimit(.minutes(10))) struct FollowingTests {
    private let cluster = ScriptedCluster()
    private let seen = Seen()

    private final class Seen: Sendable {
        private let state = Mutex<(output: [UInt8], notes: [String])>(([], []))
        var output: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }
        var notes: String { state.withLock { $0.notes.joined(separator: "\n") } }
        func receive(_ bytes: RawSpan) {
            state.withLock { state in unsafe bytes.withUnsafeBytes { unsafe state.output.append(contentsOf: $0) } }
        }
        func report(_ event: LaunchEvent) {
            state.withLock { state in
                switch event {
                case .note(let text): state.notes.append(text)
                case .warning(let finding): state.notes.append("\(finding)")
                default: break
                }
            }
        }
    }

    private func follower(
        endMark: String? = nil, _ change: (inout JobFollower.Settings) -> Void = { _ in }
    ) -> JobFollower {
        var pace = ClusterWatch.Pace()
        pace.firstPause = .milliseconds(2)
        pace.longestPause = .milliseconds(20)
        pace.pulse = .milliseconds(20)
        var settings = JobFollower.Settings(pendingTimeout: .seconds(60))
        settings.pause = .milliseconds(2)
        settings.longestPause = .milliseconds(20)
        change(&settings)
        let paths = ClusterPaths(namespace: "n")
        return JobFollower(
            name: "j", cluster: cluster, paths: paths,
            watch: ClusterWatch(cluster: cluster, paths: paths, selector: "a=b", pace: pace), settings: settings,
            endMark: endMark, output: { [seen] in seen.receive($0) }, report: { [seen] in seen.report($0) })
    }

    private func until(_ condition: () -> Bool) async {
        while !condition() && !Task.isCancelled { try? await Task.sleep(for: .milliseconds(2)) }
    }

    @Test func `a job is followed from its pod's start to its end, with its whole log`() async {
        cluster.setJob("j", job())
        cluster.setLog("2026-11-21T12:00:00.1Z hello\n2026-11-21T12:00:00.2Z no end")
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("watch") } }
        cluster.setPod("j-1", pod(running))
        await until { !seen.output.isEmpty }
        cluster.setPod("j-1", pod(terminated(3), phase: "Failed"))
        guard case .ended(let process) = await end else { return #expect(Bool(false)) }
        #expect(process.termination == .exited(code: 3))
        #expect(seen.output == "hello\nno end")
    }

    @Test func `a node that is behind is asked until it has the whole log`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        // As seen on busy nodes: nothing yet, its own words, and only the first lines.
        let first = "2026-11-21T12:00:00.1Z hello\n"
        cluster.answerLogs("", "", "", "", "", "", "unable to retrieve container logs for docker://x", first, first)
        cluster.setLog(first + "2026-11-21T12:00:03.2Z no endMARK\n")
        guard case .ended(let process) = await follower(endMark: "MARK").follow() else { return #expect(Bool(false)) }
        #expect(process.isSuccess)
        #expect(seen.output == "hello\nno end")
        #expect(seen.notes.isEmpty)
    }

    @Test func `K-08 a cluster that is away when a log ends is waited for, and one that stays away is told`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        cluster.setLog("2026-11-21T12:00:00.1Z hello\n2026-11-21T12:00:00.1Z MARK\n")
        for _ in 0..<30 { cluster.fail("log", with: .unreachable) }
        guard case .ended = await follower(endMark: "MARK", { $0.logPatience = .milliseconds(40) }).follow() else {
            return #expect(Bool(false))
        }
        #expect(seen.output == "hello\n")
        for _ in 0..<3000 { cluster.fail("log", with: .unreachable) }
        let end = await follower(endMark: "MARK") {
            $0.logPatience = .milliseconds(40)
            $0.silenceLimit = .milliseconds(200)
        }.follow()
        guard case .failed(.incompleteLog, let reason, _) = end else { return #expect(Bool(false)) }
        #expect(reason.contains("scripted unreachable"))
    }

    @Test func `a command has not finished when the end of its log cannot be had`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        cluster.setLog("2026-11-21T12:00:00.1Z hello\n")
        let end = await follower(endMark: "MARK") { $0.logPatience = .seconds(1) }.follow()
        guard case .failed(.incompleteLog, let reason, let process) = end else { return #expect(Bool(false)) }
        #expect(reason.contains("the command succeeded, but the end of what it wrote could not be had"))
        #expect(process?.isSuccess == true)
        #expect(seen.output == "hello\n")
    }

    @Test func `of a command that failed, a log without its end is only told`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(terminated(3), phase: "Failed"))
        cluster.setLog("unable to retrieve container logs")
        let end = await follower(endMark: "MARK") { $0.logPatience = .seconds(1) }.follow()
        guard case .ended(let process) = end else { return #expect(Bool(false)) }
        #expect(process.termination == .exited(code: 3))
        #expect(seen.notes.contains("could not be had from the cluster: its node says: unable to retrieve"))
        #expect(seen.output.isEmpty)
    }

    @Test func `a command that was killed cannot end its log, which is read until it stands still`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(terminated(137), phase: "Failed"))
        let first = "2026-11-21T12:00:00.1Z hello\n"
        cluster.answerLogs("", first, first)
        cluster.setLog(first + "2026-11-21T12:00:00.2Z last\n")
        guard case .failed(.signal, _, _) = await follower(endMark: "MARK").follow() else {
            return #expect(Bool(false))
        }
        #expect(seen.output == "hello\nlast\n")
        #expect(seen.notes.isEmpty)
    }

    /// Job and pods are told on two ways, of which either may be behind.
    @Test(arguments: [(0, "Complete"), (3, "Failed")], [false, true])
    func `a job whose end is told before its pod's is asked for it, and for its log`(
        row: (code: Int, condition: String), isPodKnown: Bool
    ) async {
        cluster.setLog("2026-11-21T12:00:00.1Z hello\n2026-11-21T12:00:00.2Z MARK\n")
        cluster.setJob("j", job())
        if isPodKnown { cluster.setPod("j-1", pod(running)) }
        async let end = follower(endMark: "MARK").follow()
        await until { cluster.requests.count { $0.hasPrefix("watch") } >= 2 }
        cluster.setPod(
            "j-1", pod(terminated(row.code), phase: row.code == 0 ? "Succeeded" : "Failed"), isTold: false)
        cluster.setJob("j", job(#"{"conditions":[{"type":"\#(row.condition)","status":"True","reason":"r"}]}"#))
        guard case .ended(let process) = await end else { return #expect(Bool(false)) }
        #expect(process.termination == .exited(code: Int32(row.code)))
        #expect(seen.output == "hello\n")
    }

    @Test func `K-08 a log that stands still although its container has ended is asked for again`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        let first = "2026-11-21T12:00:00.1Z hello\n"
        cluster.setLog(first)
        cluster.letNextLogStandStill()
        async let end = follower(endMark: "MARK", { $0.logPatience = .milliseconds(200) }).follow()
        await until { seen.output == "hello\n" }
        cluster.setLog(first + "2026-11-21T12:00:00.2Z no endMARK\n")
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        guard case .ended(let process) = await end else { return #expect(Bool(false)) }
        #expect(process.isSuccess)
        #expect(seen.output == "hello\nno end")
    }

    @Test func `K-06 a pod that was left running by the cluster that gave up its job is ended`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("log") } }
        cluster.setJob("j", job(#"{"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded"}]}"#))
        guard case .failed(.timeout, _, _) = await end else { return #expect(Bool(false)) }
        #expect(cluster.requests.contains { $0.hasPrefix("delete") && $0.contains("/pods?") }, "\(cluster.requests)")
        #expect(seen.notes.contains("left its pod running"))
    }

    @Test func `K-08 silence, 429 and 410 are waited out, and the end that came meanwhile is seen`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        cluster.setLog("2026-11-21T12:00:00.1Z hello\n")
        cluster.fail("get", with: .unreachable, .busy, .unreachable)
        async let end = follower().follow()
        await until { seen.output == "hello\n" }
        cluster.fail("watch", with: .busy)
        cluster.fail("get", with: .unreachable, .unreachable, .unreachable, .busy)
        cluster.fail("log", with: .unreachable, .busy)
        cluster.endWatches()
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        guard case .ended(let process) = await end else { return #expect(Bool(false)) }
        #expect(process.isSuccess)
        #expect(seen.output == "hello\n")
        #expect(seen.notes.contains("does not answer"))
        #expect(seen.notes.contains("answers again"))
    }

    @Test func `K-08 a watch whose place in history is gone lists again without a word`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.count { $0.hasPrefix("watch") } >= 2 }
        cluster.endWatches(
            sending: #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#
                + "\n")
        cluster.setPod("j-1", pod(terminated(0), phase: "Succeeded"))
        guard case .ended(let process) = await end else { return #expect(Bool(false)) }
        #expect(process.isSuccess)
        #expect(seen.notes.isEmpty)
    }

    @Test func `K-08 a job that is deleted by hand is told as lost`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("log") } }
        cluster.removeJob("j")
        cluster.removePod("j-1")
        guard case .failed(.lost, let reason, _) = await end else { return #expect(Bool(false)) }
        #expect(reason.contains("deleted the job"))
    }

    @Test func `K-08 a job that is deleted while nobody looks is told as lost`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("log") } }
        cluster.fail("watch", with: .unreachable, .unreachable)
        cluster.endWatches()
        cluster.removeJob("j")
        cluster.removePod("j-1")
        guard case .failed(.lost, _, _) = await end else { return #expect(Bool(false)) }
    }

    @Test func `a pod that is taken away takes its job along, so that nothing runs twice`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("log") } }
        cluster.setPod(
            "j-1",
            #"{"metadata":{"name":"j-1","uid":"up",\#(labels),"deletionTimestamp":"2026-11-21T12:00:00Z"},"spec":{"containers":[{"name":"main"}]},"status":{"phase":"Failed","conditions":[{"type":"DisruptionTarget","status":"True","message":"preempted"}],"containerStatuses":[{"name":"main","state":\#(terminated(137))}]}}"#
        )
        guard case .failed(.preempted, let reason, let process) = await end else { return #expect(Bool(false)) }
        #expect(reason.contains("preempted"))
        #expect(process?.termination == .exited(code: 137))
        #expect(cluster.requests.contains { $0.hasPrefix("delete") && $0.hasSuffix("/jobs/j") })
    }

    @Test func `a command that ended well though its pod was deleted is not run again in another one`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        async let end = follower().follow()
        await until { cluster.requests.contains { $0.hasPrefix("watch") } }
        cluster.setPod(
            "j-1",
            pod(terminated(0), phase: "Succeeded", metadata: #","deletionTimestamp":"2026-11-21T12:00:00Z""#))
        guard case .ended(let process) = await end else {
            Issue.record("a success is one all the same")
            return
        }
        #expect(process.isSuccess)
        #expect(cluster.requests.contains { $0.hasPrefix("delete") && $0.contains("/jobs/j") }, "\(cluster.requests)")
    }

    @Test func `a job that cannot start says why, and is given up after its time`() async {
        cluster.setJob("j", job())
        cluster.setPod(
            "j-1", pod(#"{"waiting":{"reason":"ErrImagePull","message":"no such image"}}"#, phase: "Pending"))
        let end = await follower { $0.pendingTimeout = .milliseconds(100) }.follow()
        guard case .failed(.launch, let reason, nil) = end else { return #expect(Bool(false)) }
        #expect(reason.contains("no such image"))
        #expect(seen.notes.contains("ErrImagePull"))
        #expect(cluster.requests.contains { $0.hasPrefix("delete") })
    }

    @Test func `K-06 an image that is not to be had is given up with what went wrong, also in a pause`() async {
        cluster.setJob("j", job())
        cluster.setPod(
            "j-1", pod(#"{"waiting":{"reason":"ErrImagePull","message":"no such image"}}"#, phase: "Pending"))
        async let end = follower { $0.pendingTimeout = .seconds(1) }.follow()
        await until { seen.notes.contains("ErrImagePull") }
        cluster.setPod(
            "j-1", pod(#"{"waiting":{"reason":"ImagePullBackOff","message":"Back-off"}}"#, phase: "Pending"))
        guard case .failed(.launch, let reason, nil) = await end else { return #expect(Bool(false)) }
        #expect(reason.contains("no such image") && !reason.contains("Back-off"), "\(reason)")
        #expect(seen.notes.contains("ImagePullBackOff"))
    }

    @Test func `a warning that something else came after is not what a pod waits for`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(#"{"waiting":{"reason":"ContainerCreating"}}"#, phase: "Pending"))
        let time = "2026-11-21T12:00:00Z"
        cluster.setEvents(
            #"{"type":"Normal","reason":"Pulling","lastTimestamp":"\#(time)"}"#,
            #"{"type":"Warning","reason":"FailedScheduling","lastTimestamp":"\#(time)"}"#)
        async let end = follower {
            $0.pendingTimeout = .milliseconds(50)
            $0.eventPause = .milliseconds(1)
        }.follow()
        await until { cluster.requests.count { $0.contains("/events?") } >= 10 }
        cluster.setEvents(#"{"type":"Warning","reason":"FailedMount","message":"m","lastTimestamp":"\#(time)"}"#)
        guard case .failed(.launch, let reason, nil) = await end else { return #expect(Bool(false)) }
        #expect(reason.contains("FailedMount: m"))
        #expect(!seen.notes.contains("FailedScheduling"))
    }

    @Test func `stopping deletes job and pods, over a cluster that is unwell`() async {
        cluster.setJob("j", job())
        cluster.setPod("j-1", pod(running))
        let follower = follower()
        async let end = follower.follow()
        await until { cluster.requests.contains { $0.hasPrefix("log") } }
        cluster.fail("delete", with: .busy, .unreachable)
        await follower.stop(grace: .seconds(1))
        guard case .lost = await end else { return #expect(Bool(false)) }
        #expect(cluster.requests.contains { $0.hasPrefix("delete") && $0.contains("/pods?") })
    }

    @Test func `a cluster that stays silent is given up at last`() async {
        cluster.setJob("j", job())
        for _ in 0..<2000 { cluster.fail("get", with: .unreachable) }
        let end = await follower { $0.silenceLimit = .milliseconds(50) }.follow()
        guard case .lost(let reason) = end else { return #expect(Bool(false)) }
        #expect(reason.contains("may still run"))
    }
}

@Suite(.timeLimit(.minutes(10))) struct SubmissionTests {
    private let cluster = ScriptedCluster()

    private func submission() -> Submission {
        var submission = Submission(cluster: cluster, paths: ClusterPaths(namespace: "n"), name: "sf-1") { _ in }
        submission.firstPause = .milliseconds(2)
        submission.patience = .seconds(10)
        return submission
    }

    private func manifest(_ submission: String = "mine") -> JobManifest {
        var manifest = JobManifest(
            template: .minimal, name: "sf-1", namespace: "n", projectName: nil, image: "x", command: "true")
        manifest.annotations = [("swiftflow/submission", submission)]
        return manifest
    }

    @Test func `K-08 a job whose submission was answered by silence is submitted once`() async throws {
        cluster.loseNextAnswer()
        _ = try await submission().submit(manifest())
        #expect(cluster.creations == 1)
    }

    @Test func `K-08 a cluster that is busy is tried again`() async throws {
        cluster.fail("create", with: .busy, .unreachable, .busy)
        _ = try await submission().submit(manifest())
        #expect(cluster.creations == 1)
    }

    @Test func `somebody else's job of that name is left alone`() async throws {
        _ = try await submission().submit(manifest("theirs"))
        let error = await #expect(throws: ClusterError.self) { try await submission().submit(manifest()) }
        #expect(error?.kind == .exists)
        #expect(!cluster.requests.contains { $0.hasPrefix("delete") })
    }

    @Test func `what the cluster refuses for good is not tried again`() async throws {
        cluster.fail("create", with: .forbidden)
        await #expect(throws: ClusterError.self) { try await submission().submit(manifest()) }
        #expect(cluster.requests.count { $0.hasPrefix("create") } == 1)
    }
}

@Suite struct ClusterErrorTests {
    /// What real clients printed, kubectl 1.20 and 1.32.
    @Test(
        arguments: [
            (
                "Error from server (TooManyRequests): the server has received too many requests and has asked us to try again later",
                .busy
            ),
            ("Error from server (ServiceUnavailable): the server is currently unable to handle the request", .busy),
            ("Error from server (Timeout): boo", .busy), ("Error from server (Expired): boo", .gone),
            (
                "The connection to the server 127.0.0.1:28111 was refused - did you specify the right host or port?",
                .unreachable
            ),
            (
                "Unable to connect to the server: dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host",
                .unreachable
            ),
            ("Unable to connect to the server: net/http: TLS handshake timeout", .unreachable),
            ("error: EOF", .unreachable),
            ("error: unexpected EOF", .unreachable),
            ("error: You must be logged in to the server (Unauthorized)", .unauthorized),
            (
                #"Error from server (Forbidden): jobs.batch is forbidden: User "nobody" cannot create resource "jobs""#,
                .forbidden
            ),
            (#"Error from server (NotFound): pods "nope" not found"#, .notFound),
            (#"Error from server (AlreadyExists): jobs.batch "t1" already exists"#, .exists),
            (#"error: context "nix" does not exist"#, .other), ("", .other),
        ] as [(String, ClusterError.Kind)])
    func `K-08 what kubectl complains about is understood`(line: String, kind: ClusterError.Kind) {
        #expect(Kubectl.failure([line], what: "get").kind == kind)
    }

    @Test func `a complaint is shown without the credentials in it`() {
        let error = Kubectl.failure(["Unable to connect to the server: https://me:secret@host/x"], what: "get")
        #expect(!error.description.contains("secret"))
    }
}

@Suite struct CodeFilesTests {
    @Test func `the files of a project are collected, without what is no code`() throws {
        let folder = try TemporaryDirectory()
        for name in ["train.py", "lib/a.sh", ".git/config", "mlruns/0/x", "mlflow.db"] {
            let path = try RelativePath(name)
            try folder.directory.makeDirectory(path.parent)
            try folder.directory.writeFile(path, Array(name.utf8), mode: name.hasSuffix(".sh") ? 0o755 : 0o644)
        }
        let files = try CodeFile.files(of: folder.path)
        #expect(files.map { "\($0.path) \($0.isExecutable)" }.sorted() == ["lib/a.sh true", "train.py false"])
    }

    @Test func `a project that is too large says which files make it so`() throws {
        let folder = try TemporaryDirectory()
        try folder.directory.writeFile(RelativePath("data.csv"), [UInt8](repeating: 65, count: CodeFile.sizeLimit + 1))
        let error = #expect(throws: InvalidInput.self) { try CodeFile.files(of: folder.path) }
        #expect(error?.description.contains("data.csv") == true)
        #expect(error?.description.contains("\"code\": \"git\"") == true)
    }
}
