import Containers
import Execution
import Glibc
import Processes

/// Containers whose runner died so suddenly that not even its guard could stop them.
enum LeftoverContainers {
    /// Whether the runner named on the labels ran here and is dead.
    static func isAbandoned(_ labels: [String: String]) -> Bool {
        labels[ContainerPlan.Label.runner].map(isDead) ?? false
    }

    private static func isDead(_ runner: String) -> Bool {
        ProcessIdentity(runner)?.liveness == .ended
    }

    /// Ends and removes them.
    ///
    /// One that came to its own end is kept for a day: whoever resumes its pipeline still wants to know how.
    static func remove(with client: ContainerClient) async {
        // The run at hand matters more than the tidiness of others; what fails now is tried again next time.
        guard let all = try? await client.containers(labelled: ContainerPlan.Label.runner) else { return }
        for (id, runner) in all where isDead(runner) {
            guard let state = try? await client.container(id) else { continue }
            if state.phase.isOver, !state.wasToldToEnd, state.finishedAt > timeText(secondsAgo: 86_400) { continue }
            try? await client.remove(state.id)
        }
    }

    /// A time as engines write it, so that texts compare like times.
    private static func timeText(secondsAgo: Int) -> String {
        var moment = time_t(currentTimeMilliseconds() / 1_000) - secondsAgo
        var parts = unsafe tm()
        unsafe gmtime_r(&moment, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = unsafe strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
