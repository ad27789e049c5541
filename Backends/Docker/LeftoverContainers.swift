import Containers
import Execution
import Glibc
import Processes

/// Containers whose runner died so suddenly that not even its guard could stop them.
enum LeftoverContainers {
    /// Ends and removes them.
    ///
    /// One that came to its own end is kept for a day: whoever resumes its pipeline still wants to know how.
    ///
    /// - Parameter pipeline: whose containers are left alone, because its run is being resumed here and finds them again.
    static func remove(with client: ContainerClient, except pipeline: String?) async {
        // The run at hand matters more than the tidiness of others; what fails now is tried again next time.
        guard let all = try? await client.containers(labelled: ContainerPlan.Label.runner) else { return }
        for listed in all where ContainerOwner.runner(name: listed.name, label: listed.value)?.liveness == .ended {
            guard let state = try? await client.container(listed.id), ContainerOwner.isAbandoned(state) else {
                continue
            }
            if let pipeline, state.labels[ContainerPlan.Label.pipeline] == pipeline { continue }
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
