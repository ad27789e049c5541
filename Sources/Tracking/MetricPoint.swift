/// One point of a history, without what all points of the history share.
///
/// Histories have a hundred thousand points and more; a `Metric` is five times as large.
package struct MetricPoint: Sendable {
    /// NaN is kept, as in ``Metric``.
    package var value: Double
    package var timestamp: Int64
    package var step: Int64

    package init(_ value: Double, timestamp: Int64, step: Int64) {
        self.value = value
        self.timestamp = timestamp
        self.step = step
    }

    package init(_ metric: Metric) {
        self.init(metric.value, timestamp: metric.timestamp, step: metric.step)
    }

    /// The order of a history: by timestamp, step and value, NaN counting as the zero it is stored as.
    package static func precedes(_ left: MetricPoint, _ right: MetricPoint) -> Bool {
        if left.timestamp != right.timestamp { return left.timestamp < right.timestamp }
        if left.step != right.step { return left.step < right.step }
        return (left.value.isNaN ? 0 : left.value) < (right.value.isNaN ? 0 : right.value)
    }
}

extension Metric {
    package init(_ key: String, _ point: MetricPoint, runID: String? = nil) {
        self.init(key, point.value, timestamp: point.timestamp, step: point.step, runID: runID)
    }
}

/// Points of one metric of one run, in order.
package struct MetricSeries: Sendable {
    package var runID: String
    package var points: [MetricPoint]

    package init(runID: String, points: [MetricPoint]) {
        self.runID = runID
        self.points = points
    }

    func metrics(key: String) -> [Metric] {
        points.map { Metric(key, $0, runID: runID) }
    }
}
