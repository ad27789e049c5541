/// What a run consumed.
package struct RunInputs: Sendable, Hashable {
    package var datasets: [DatasetInput]
    package var models: [LoggedModelInput]

    package init(datasets: [DatasetInput] = [], models: [LoggedModelInput] = []) {
        self.datasets = datasets
        self.models = models
    }

    package var isEmpty: Bool { datasets.isEmpty && models.isEmpty }
}

/// A dataset by name and digest; within an experiment the two identify it.
package struct Dataset: Sendable, Hashable {
    package var name: String
    package var digest: String
    package var sourceType: String
    package var source: String
    package var schema: String?
    package var profile: String?

    package init(
        name: String, digest: String, sourceType: String, source: String, schema: String? = nil, profile: String? = nil
    ) {
        self.name = name
        self.digest = digest
        self.sourceType = sourceType
        self.source = source
        self.schema = schema
        self.profile = profile
    }
}

/// A dataset as one run used it; the tag `mlflow.data.context` says what for.
package struct DatasetInput: Sendable, Hashable {
    package var dataset: Dataset
    package var tags: [Tag]

    package init(_ dataset: Dataset, tags: [Tag] = []) {
        self.dataset = dataset
        self.tags = tags
    }
}

package struct LoggedModelInput: Sendable, Hashable {
    package var modelID: String

    package init(modelID: String) {
        self.modelID = modelID
    }
}

package struct LoggedModelOutput: Sendable, Hashable {
    package var modelID: String
    package var step: Int64

    package init(modelID: String, step: Int64 = 0) {
        self.modelID = modelID
        self.step = step
    }
}

/// A dataset that some run of an experiment used, as lists of datasets show it.
package struct DatasetSummary: Sendable, Hashable {
    package var experimentID: String
    package var name: String
    package var digest: String
    package var context: String?

    package init(experimentID: String, name: String, digest: String, context: String? = nil) {
        self.experimentID = experimentID
        self.name = name
        self.digest = digest
        self.context = context
    }
}
