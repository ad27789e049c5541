import Diagnostics
import JSON
import Synchronization

/// Knows the state of all jobs of one runner in a namespace: one list and two watches, however many jobs there are.
///
/// It works while somebody follows a job. When the cluster does not answer, has forgotten where we were (410) or sends us away (429), it
/// backs off, lists again and goes on; followers are told what the trouble is.
package final class ClusterWatch: Sendable {
    /// How it waits; shorter in tests.
    package struct Pace: Sendable {
        package var firstPause: Duration = .milliseconds(250)
        package var longestPause: Duration = .seconds(10)
        /// How often followers are told the state even if it is the same, so that they can keep time.
        package var pulse: Duration = .seconds(1)

        package init() {}
    }

    private struct Follower {
        var job: String
        /// Lists that began before this one say nothing about the job's absence.
        var firstList: Int
        var continuation: AsyncStream<JobView>.Continuation
    }

    private struct State {
        var views: [String: JobView] = [:]
        var followers: [Int: Follower] = [:]
        var nextFollower = 0
        var lists = 0
        var trouble: JobView.Trouble?
        var task: Task<Void, Never>?
    }

    private let cluster: any ClusterAPI
    private let paths: ClusterPaths
    private let selector: String
    private let pace: Pace
    private let state = Mutex(State())

    package init(cluster: any ClusterAPI, paths: ClusterPaths, selector: String, pace: Pace = Pace()) {
        self.cluster = cluster
        self.paths = paths
        self.selector = selector
        self.pace = pace
    }

    /// The state of one job from now on: the newest one, whenever it changes and at each pulse.
    package func views(of job: String) -> AsyncStream<JobView> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let number = state.withLock { state in
                state.nextFollower += 1
                state.followers[state.nextFollower] = Follower(
                    job: job, firstList: state.lists + 1, continuation: continuation)
                // An unstructured task, because its work belongs to all followers; the last one that leaves ends it.
                if state.task == nil { state.task = Task { await self.work() } }
                return state.nextFollower
            }
            continuation.onTermination = { [weak self] _ in self?.leave(number) }
        }
    }

    /// Tells the followers of a job its state once more.
    func pulse(of job: String) {
        state.withLock { publish(job, &$0) }
    }

    private func leave(_ number: Int) {
        state.withLock { state in
            state.followers[number] = nil
            guard state.followers.isEmpty else { return }
            state.task?.cancel()
            state.task = nil
            state.views = [:]
            state.trouble = nil
        }
    }

    // MARK: Work

    private func work() async {
        var pause = pace.firstPause
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                let versions = try await list()
                try await watch(from: versions)
            } catch let error as ClusterError where error.kind == .gone {
                // We were away for too long, or the cluster compacted its history: a new list says all there is.
                note(nil)
            } catch {
                guard !Task.isCancelled else { return }
                note((error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)")
            }
            if ContinuousClock.now - start > .seconds(5) { pause = pace.firstPause }
            let wait = pause * Double.random(in: 0.75...1.25)
            try? await Task.sleep(for: wait)
            pause = min(pause * 2, pace.longestPause)
        }
    }

    private func note(_ trouble: String?) {
        guard !Task.isCancelled else { return }
        state.withLock { state in
            if let trouble {
                state.trouble = JobView.Trouble(message: trouble, since: state.trouble?.since ?? .now)
                publishAll(&state)
            }
        }
    }

    private var selectorQuery: String { "labelSelector=\(percentEncoded(selector))" }

    /// - Returns: the versions from which jobs and pods can be watched.
    private func list() async throws -> (jobs: String, pods: String) {
        let number = state.withLock { state in
            state.lists += 1
            return state.lists
        }
        async let jobs = cluster.get("\(paths.jobs)?\(selectorQuery)")
        async let pods = cluster.get("\(paths.pods)?\(selectorQuery)")
        let (jobList, podList) = try await (jobs, pods)
        try Task.checkCancellation()
        state.withLock { state in
            state.trouble = nil
            var views: [String: JobView] = [:]
            for item in jobList["items"]?.array ?? [] {
                guard let job = JobState(item) else { continue }
                views[job.name, default: JobView()].job = job
            }
            for item in podList["items"]?.array ?? [] {
                guard let pod = PodState(item), let job = item.jobName else { continue }
                views[job, default: JobView()].add(pod)
            }
            // What was there before and is not any more has been deleted while we were not looking.
            for (name, old) in state.views {
                var view = views[name] ?? JobView()
                let present = Set(view.pods.map(\.id))
                view.deletedPods = old.deletedPods + old.pods.filter { !present.contains($0.id) }
                if view.job == nil {
                    view.job = old.job
                    view.isAbsent = true
                }
                views[name] = view
            }
            for follower in state.followers.values where follower.firstList <= number {
                if views[follower.job]?.job == nil { views[follower.job, default: JobView()].isAbsent = true }
            }
            state.views = views
            publishAll(&state)
        }
        return (
            jobList["metadata"]?["resourceVersion"]?.string ?? "0",
            podList["metadata"]?["resourceVersion"]?.string ?? "0"
        )
    }

    private func watch(from versions: (jobs: String, pods: String)) async throws {
        let query = "\(selectorQuery)&watch=true&timeoutSeconds=290&resourceVersion="
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.watch("\(self.paths.jobs)?\(query)\(versions.jobs)") { state, type, object in
                    guard let job = JobState(object) else { return nil }
                    state.views[job.name, default: JobView()].job = job
                    state.views[job.name]?.isAbsent = type == "DELETED"
                    return job.name
                }
            }
            group.addTask {
                try await self.watch("\(self.paths.pods)?\(query)\(versions.pods)") { state, type, object in
                    guard let pod = PodState(object), let name = object.jobName else { return nil }
                    if type == "DELETED" {
                        state.views[name, default: JobView()].remove(pod)
                    } else {
                        state.views[name, default: JobView()].add(pod)
                    }
                    return name
                }
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: self.pace.pulse)
                    self.state.withLock { self.publishAll(&$0) }
                }
            }
            defer { group.cancelAll() }
            // The first watch that ends, ends the round.
            try await group.next()
        }
    }

    private func watch(
        _ path: String, apply: @escaping @Sendable (inout State, String, JSONValue) -> String?
    ) async throws {
        let lines = EventLines()
        let failure = Mutex<ClusterError?>(nil)
        try await cluster.stream(path) { bytes in
            for line in lines.append(bytes) {
                guard let event = try? JSONReader.read(line.span), let type = event["type"]?.string,
                    let object = event["object"]
                else { continue }
                if type == "ERROR" {
                    let isGone = object["code"]?.integer == 410
                    let message = object["message"]?.string ?? "the watch failed"
                    failure.withLock { $0 = ClusterError(isGone ? .gone : .busy, "the cluster says: \(message)") }
                    continue
                }
                self.state.withLock { state in
                    guard let name = apply(&state, type, object) else { return }
                    self.publish(name, &state)
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func publish(_ job: String, _ state: inout State) {
        for follower in state.followers.values where follower.job == job {
            var view = state.views[job] ?? JobView()
            view.trouble = state.trouble
            follower.continuation.yield(view)
        }
    }

    private func publishAll(_ state: inout State) {
        for job in Set(state.followers.values.map(\.job)) { publish(job, &state) }
    }
}

extension JSONValue {
    /// The job of ours a pod belongs to.
    fileprivate var jobName: String? { self["metadata"]?["labels"]?[ObjectLabel.job]?.string }
}

extension JobView {
    fileprivate mutating func add(_ pod: PodState) {
        if let index = pods.firstIndex(where: { $0.id == pod.id }) {
            pods[index] = pod
        } else {
            // A list is by name.
            pods.insert(pod, at: pods.firstIndex { $0.createdAt > pod.createdAt } ?? pods.endIndex)
        }
    }

    fileprivate mutating func remove(_ pod: PodState) {
        pods.removeAll { $0.id == pod.id }
        if !deletedPods.contains(where: { $0.id == pod.id }) { deletedPods.append(pod) }
    }
}

/// Cuts a stream into lines.
private final class EventLines: Sendable {
    private let held = Mutex<[UInt8]>([])

    func append(_ bytes: RawSpan) -> [[UInt8]] {
        held.withLock { held in
            unsafe bytes.withUnsafeBytes { unsafe held.append(contentsOf: $0) }
            guard let end = held.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
            let lines = held[..<end].split(separator: UInt8(ascii: "\n")).map(Array.init)
            held.removeFirst(end + 1)
            return lines
        }
    }
}
