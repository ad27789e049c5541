import JSON
import Tracking

// The vocabulary of Tracking as fields of requests.
extension JSONWriter {
    /// The fields `key` and `value` of the message that is being written.
    mutating func members(of tag: Tag) {
        field("key", tag.key)
        field("value", tag.value)
    }

    mutating func tags(_ tags: some Collection<Tag>) {
        field("tags", tags) { writer, tag in writer.object { $0.members(of: tag) } }
    }

    mutating func params(_ params: some Collection<Param>) {
        field("params", params) { writer, param in
            writer.object {
                $0.field("key", param.key)
                $0.field("value", param.value)
            }
        }
    }

    mutating func members(of metric: Metric) {
        field("key", metric.key)
        field("value", metric.value)
        field("timestamp", metric.timestamp)
        field("step", metric.step)
        field("model_id", metric.modelID)
        field("dataset_name", metric.datasetName)
        field("dataset_digest", metric.datasetDigest)
    }
}

extension ViewType {
    var wireName: String {
        switch self {
        case .activeOnly: "ACTIVE_ONLY"
        case .deletedOnly: "DELETED_ONLY"
        case .all: "ALL"
        }
    }
}
