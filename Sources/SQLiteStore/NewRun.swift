import Tracking

/// A run that is to be created: checked, named, and with its id.
struct NewRun: Sendable {
    fileprivate let creation: RunCreation
    fileprivate let runID = makeRunID()
    fileprivate let name: String
    fileprivate let experimentID: Int64
    fileprivate let params: [Param]
    fileprivate let tags: [Tag]

    init(_ creation: RunCreation, longValues: LongValues) throws {
        experimentID = try Validation.experimentID(creation.experimentID)
        params = try Validation.params(creation.params, longValues: longValues)
        var tags = try Validation.tags(creation.tags, longValues: longValues)
        name = try runName(creation, tags: tags)
        if !tags.contains(where: { $0.key == WellKnownTag.runName }) { tags.append(Tag(WellKnownTag.runName, name)) }
        try Validation.metrics(creation.metrics)
        self.tags = tags
        self.creation = creation
    }
}

/// The name of a new run; an explicit one and that of a tag must not differ.
private func runName(_ creation: RunCreation, tags: [Tag]) throws(TrackingError) -> String {
    let tagged = tags.last { $0.key == WellKnownTag.runName }?.value ?? ""
    let given = creation.name ?? ""
    guard given.isEmpty || tagged.isEmpty || given == tagged else {
        throw .invalidParameter(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
                + "(run_name='\(given)', mlflow.runName='\(tagged)').")
    }
    return !given.isEmpty ? given : !tagged.isEmpty ? tagged : makeRandomName()
}

extension Connection {
    /// Writes a new run with what it is created with.
    func create(_ new: NewRun) throws -> Run {
        let creation = new.creation
        let location = try artifactLocation(ofActiveExperiment: new.experimentID)
        let info = RunInfo(
            runID: new.runID, runName: new.name, experimentID: String(new.experimentID), userID: creation.userID,
            status: creation.end?.status ?? .running, startTime: creation.startTime, endTime: creation.end?.time,
            artifactURI: appendedLocation(location, new.runID, "artifacts"))
        try insert(info, experimentID: new.experimentID)
        for param in new.params { try insertParam(param, runID: new.runID) }
        try upsertTags(new.tags, runID: new.runID)
        guard creation.metrics.isEmpty else {
            try insertMetrics(creation.metrics, runID: new.runID)
            return try completeRun(info)
        }
        // All there is in a run this new is what was just written.
        let newest = Dictionary(new.tags.map { (StoredKey(text: $0.key), $0) }) { $1 }
        return Run(
            info: info,
            data: RunData(
                params: new.params.sorted { $0.key < $1.key }, tags: newest.values.sorted { $0.key < $1.key }))
    }
}
