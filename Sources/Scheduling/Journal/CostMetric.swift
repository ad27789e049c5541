import Tracking

/// The metrics that tell what a step cost, as its process tree was measured.
package enum CostMetric {
    package static let wallSeconds = "system/wall_seconds"
    /// How long it had been ready before it was started.
    package static let queueSeconds = "system/queue_seconds"
    /// Of all processes, on all processors.
    package static let processorSeconds = "system/cpu_seconds"
    /// Of 1,048,576 bytes.
    package static let peakMegabytes = "system/max_rss_mb"

    /// Whether the metric says something of the machine, not of the work.
    package static func includes(_ name: String) -> Bool { name.hasPrefix("system/") }
}
