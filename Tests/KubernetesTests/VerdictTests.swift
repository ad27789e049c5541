import Execution
import JSON
import KubernetesBackend
import Processes
import Testing

/// A pod as the cluster describes it.
private func pod(_ status: String, metadata: String = "", containers: String = #"{"name":"main"}"#) throws -> PodState {
    let text =
        #"{"metadata":{"name":"p","uid":"u"\#(metadata)},"spec":{"initContainers":[{"name":"code"}],"containers":[\#(containers)]},"status":\#(status)}"#
    return try #require(try JSONReader.read(Array(text.utf8).span).flatMap(PodState.init))
}

private func terminated(_ state: String, phase: String = "Failed", more: String = "") -> String {
    #"{"phase":"\#(phase)"\#(more),"containerStatuses":[{"name":"main","state":{"terminated":{\#(state),"startedAt":"2026-11-21T12:36:00Z","finishedAt":"2026-11-21T12:36:07Z"}}}]}"#
}

private func waiting(_ reason: String) -> String {
    #"{"phase":"Pending","containerStatuses":[{"name":"main","state":{"waiting":{"reason":"\#(reason)","message":"why"}}}]}"#
}

private func job(_ conditions: String = "", backoffLimit: Int = 0) throws -> JobState {
    let text =
        #"{"metadata":{"name":"j","uid":"u"},"spec":{"backoffLimit":\#(backoffLimit)},"status":{"conditions":[\#(conditions)]}}"#
    return try #require(try JSONReader.read(Array(text.utf8).span).flatMap(JobState.init))
}

private func verdict(_ pods: [PodState], deleted: [PodState] = [], job: JobState? = nil, isAbsent: Bool = false)
    -> JobVerdict
{
    var view = JobView()
    view.pods = pods
    view.deletedPods = deleted
    view.job = job
    view.isAbsent = isAbsent
    return JobVerdict(view)
}

@Suite struct VerdictTests {
    @Test func `a command that ended says so with its exit code and its time`() throws {
        let done = try pod(terminated(#""exitCode":0,"reason":"Completed""#, phase: "Succeeded"))
        let failed = try pod(terminated(#""exitCode":3,"reason":"Error""#))
        #expect(
            verdict([done])
                == .ended(.ended(ProcessEnd(termination: .exited(code: 0), wallTime: .seconds(7), usage: nil))))
        #expect(
            verdict([failed])
                == .ended(.ended(ProcessEnd(termination: .exited(code: 3), wallTime: .seconds(7), usage: nil))))
    }

    @Test(
        arguments: [
            (terminated(#""exitCode":137,"reason":"OOMKilled""#), .outOfMemory, "more memory", 137),
            (terminated(#""exitCode":137,"reason":"Error""#), .signal, "SIGKILL (exit code 137)", 137),
            (terminated(#""exitCode":143,"reason":"Error""#), .signal, "SIGTERM (exit code 143)", 143),
            (terminated(#""exitCode":128,"reason":"ContainerCannotRun","message":"no sh""#), .launch, "no sh", 128),
            (terminated(#""exitCode":127,"reason":"StartError""#), .launch, "StartError", 127),
            (
                terminated(#""exitCode":137"#, more: #","reason":"Evicted","message":"low on memory""#), .preempted,
                "low on memory", 137
            ),
            (
                terminated(#""exitCode":137"#, more: #","reason":"DeadlineExceeded""#), .timeout,
                "activeDeadlineSeconds", 137
            ),
            (terminated(#""exitCode":137"#, more: #","reason":"NodeShutdown""#), .preempted, "shut down", 137),
            (#"{"phase":"Failed","reason":"Evicted","message":"disk"}"#, .preempted, "disk", nil),
            (#"{"phase":"Failed","reason":"NodeLost"}"#, .lost, "node was lost", nil),
            (#"{"phase":"Failed","reason":"OutOfmemory","message":"full"}"#, .launch, "full", nil),
            (#"{"phase":"Failed","reason":"UnexpectedAdmissionError"}"#, .launch, "refused", nil),
            (
                #"{"phase":"Failed","initContainerStatuses":[{"name":"code","state":{"terminated":{"exitCode":128}}}]}"#,
                .launch, "'code' ended with exit code 128", nil
            ),
            (
                terminated(
                    #""exitCode":137"#,
                    more:
                        #","conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler","message":"for a bigger one"}]"#
                ),
                .preempted, "bigger", 137
            ),
            (#"{"phase":"Failed"}"#, .lost, "no more than", nil),
        ] as [(String, FailureKind, String, Int32?)])
    func `K-06 the ways to fail are told apart`(status: String, kind: FailureKind, words: String, code: Int32?) throws {
        guard case .ended(.failed(let found, let reason, let end)) = verdict([try pod(status)]) else {
            Issue.record("\(verdict([try pod(status)]))")
            return
        }
        #expect(found == kind)
        #expect(reason.contains(words), "\(reason)")
        #expect(end?.termination == code.map { .exited(code: $0) })
    }

    @Test(
        arguments: [
            (waiting("ErrImageNeverPull"), "container 'main': ErrImageNeverPull: why", true),
            (waiting("CreateContainerConfigError"), "container 'main': CreateContainerConfigError: why", true),
            (waiting("ContainerCreating"), nil, false), (#"{"phase":"Pending"}"#, nil, false),
            (
                #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/1 nodes"}]}"#,
                "no node can take it: 0/1 nodes", false
            ),
        ] as [(String, String?, Bool)])
    func `what a job waits for is said, and whether waiting helps`(status: String, text: String?, isStuck: Bool) throws
    {
        #expect(verdict([try pod(status)]) == .pending(text.map { PendingReason($0, isStuck: isStuck) }))
    }

    @Test func `K-06 an image that wants a login says so, and a pause says that it is one`() throws {
        let refused = try pod(
            #"{"phase":"Pending","containerStatuses":[{"name":"main","state":{"waiting":{"reason":"ErrImagePull","message":"Head \"http://r/v2/\": no basic auth credentials"}}}]}"#
        )
        #expect(
            refused.pendingReason?.text.contains("no basic auth credentials; if the image is a private one") == true)
        #expect(refused.pendingReason?.isOnlyPause == false)
        let pause = try pod(waiting("ImagePullBackOff")).pendingReason
        #expect(
            pause == PendingReason("container 'main': ImagePullBackOff: why", isStuck: true, isOnlyPause: true))
    }

    @Test func `the command's end counts, whatever runs beside it`() throws {
        let status =
            #"{"phase":"Running","containerStatuses":[{"name":"proxy","state":{"running":{}}},{"name":"main","state":{"terminated":{"exitCode":4}}}]}"#
        let found = verdict([try pod(status, containers: #"{"name":"main"},{"name":"proxy"}"#)])
        #expect(found == .ended(.ended(ProcessEnd(termination: .exited(code: 4), wallTime: .zero, usage: nil))))
    }

    @Test func `a pod that somebody takes away is no failure of its command, but a success stays one`() throws {
        let deletion = #","deletionTimestamp":"2026-11-21T12:36:00Z""#
        let killed = try pod(terminated(#""exitCode":137,"reason":"Error""#), metadata: deletion)
        let done = try pod(terminated(#""exitCode":0"#), metadata: deletion)
        #expect(verdict([killed], job: try job()) == .interrupted(killed))
        #expect(verdict([], deleted: [killed], job: try job()) == .interrupted(killed))
        #expect(verdict([killed], job: try job(), isAbsent: true) == .deleted(killed))
        guard case .ended(.ended(let end)) = verdict([done], job: try job()) else { return #expect(Bool(false)) }
        #expect(end.isSuccess)
        let running = try pod(#"{"phase":"Running","containerStatuses":[{"name":"main","state":{"running":{}}}]}"#)
        #expect(verdict([], deleted: [running], job: try job()) == .interrupted(running))
        // A second pod is the cluster's replacement for the first; the run was in the first.
        #expect(verdict([running], deleted: [running], job: try job()) == .interrupted(running))
    }

    @Test func `a job's own word counts where its pod says nothing`() throws {
        let deadline = try job(#"{"type":"Failed","status":"True","reason":"DeadlineExceeded"}"#)
        guard case .ended(.failed(.timeout, _, _)) = verdict([], job: deadline) else { return #expect(Bool(false)) }
        #expect(verdict([], job: nil, isAbsent: true) == .deleted(nil))
        #expect(verdict([], job: try job()) == .pending(nil))
    }

    @Test func `a template's own retries are the cluster's business until the job ends`() throws {
        let failed = try pod(terminated(#""exitCode":3"#))
        #expect(verdict([failed], job: try job(backoffLimit: 2)) == .running)
        let over = try job(#"{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}"#, backoffLimit: 2)
        #expect(
            verdict([failed], job: over)
                == .ended(.ended(ProcessEnd(termination: .exited(code: 3), wallTime: .seconds(7), usage: nil))))
    }
}
