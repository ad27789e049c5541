/// The rules for keys, values and sizes of everything that runs log, with MLflow's own messages.
///
/// `path` names the offending field of a request, e.g. `metrics[3].name`. A rule returns what is to be stored, which differs
/// from what was given only where long values are truncated.
package enum Validation {
    // MARK: Batches

    /// Checks a whole batch before anything of it is written.
    package static func batch(_ batch: LogBatch, longValues: LongValues) throws(TrackingError) -> LogBatch {
        try runID(batch.runID)
        try count(batch.metrics.count, of: "metrics", limit: Limits.metricsPerBatch)
        try count(batch.params.count, of: "params", limit: Limits.paramsPerBatch)
        try count(batch.tags.count, of: "tags", limit: Limits.tagsPerBatch)
        try count(
            batch.metrics.count + batch.params.count + batch.tags.count, of: "metrics, params, and tags",
            limit: Limits.entitiesPerBatch)
        var checked = batch
        try metrics(batch.metrics)
        checked.params = try params(batch.params, longValues: longValues)
        checked.tags = try tags(batch.tags, longValues: longValues)
        return checked
    }

    /// Checks points given together, each by itself.
    package static func metrics(_ metrics: [Metric]) throws(TrackingError) {
        for (index, metric) in metrics.enumerated() { try Self.metric(metric, path: "metrics[\(index)].") }
    }

    /// Checks parameters given together: each by itself, and that no key comes twice.
    package static func params(_ params: [Param], longValues: LongValues) throws(TrackingError) -> [Param] {
        var checked: [Param] = []
        checked.reserveCapacity(params.count)
        for (index, param) in params.enumerated() {
            checked.append(try Self.param(param, path: "params[\(index)].", longValues: longValues))
        }
        try uniqueKeys(of: checked)
        return checked
    }

    package static func tags(_ tags: [Tag], longValues: LongValues) throws(TrackingError) -> [Tag] {
        var checked: [Tag] = []
        checked.reserveCapacity(tags.count)
        for (index, tag) in tags.enumerated() {
            checked.append(try runTag(tag, path: "tags[\(index)].", longValues: longValues))
        }
        return checked
    }

    private static func count(_ count: Int, of kind: String, limit: Int) throws(TrackingError) {
        guard count > limit else { return }
        throw .invalidParameter(
            "A batch logging request can contain at most \(limit) \(kind). Got \(count) \(kind). "
                + "Please split up \(kind) across multiple requests and try again.")
    }

    private static func uniqueKeys(of params: [Param]) throws(TrackingError) {
        // Keys are compared byte by byte: Swift's `==` would take two spellings of an accented letter for the same key.
        var seen: Set<[UInt8]> = []
        let doubled = params.filter { !seen.insert(Array($0.key.utf8)).inserted }
        guard !doubled.isEmpty else { return }
        let list = doubled.map { "'\($0.key)'" }.joined(separator: ", ")
        throw .invalidParameter(
            "Duplicate parameter keys have been submitted: [\(list)]. Please ensure "
                + "the request contains only one param value per param key.")
    }

    // MARK: Single things

    // Batches have thousands of keys, so where one stands becomes text only when it is refused.

    package static func metric(_ metric: Metric, path: @autoclosure () -> String = "") throws(TrackingError) {
        try key(metric.key, path: path() + "name")
        guard metric.timestamp >= 0 else {
            throw .invalidParameter(
                invalidValue(
                    "\(metric.timestamp)", path: path() + "timestamp",
                    "metric '\(metric.key)' (value=\(metric.value)). "
                        + "Timestamp must be a nonnegative long (64-bit integer) "))
        }
        try length(metric.key, limit: Limits.entityKeyLength, name: "Metric name")
    }

    package static func param(_ param: Param, path: String = "", longValues: LongValues) throws(TrackingError) -> Param
    {
        try key(param.key, path: path + "key")
        try length(param.key, limit: Limits.entityKeyLength, name: "Param key")
        let value = try fitted(
            param.value, limit: Limits.paramValueLength, name: "Param value", longValues: longValues)
        return Param(param.key, value)
    }

    package static func runTag(_ tag: Tag, path: String = "", longValues: LongValues) throws(TrackingError) -> Tag {
        try key(tag.key, path: path + "key")
        try length(tag.key, limit: Limits.entityKeyLength, name: path + "key")
        let value = try fitted(tag.value, limit: Limits.tagValueLength, name: path + "value", longValues: longValues)
        return Tag(tag.key, value)
    }

    package static func experimentTag(_ tag: Tag) throws(TrackingError) {
        try key(tag.key, path: "key")
        try length(tag.key, limit: Limits.entityKeyLength, name: "key")
        try length(tag.value, limit: Limits.experimentTagValueLength, name: "value")
    }

    package static func registryTag(_ tag: Tag) throws(TrackingError) {
        try key(tag.key, path: "key")
        try length(tag.key, limit: Limits.entityKeyLength, name: "key")
        try length(tag.value, limit: Limits.registryTagValueLength, name: "value")
    }

    package static func experimentName(_ name: String) throws(TrackingError) {
        guard !name.isEmpty else { throw .invalidParameter("Invalid experiment name: '\(name)'") }
        try length(name, limit: Limits.experimentNameLength, name: "name")
    }

    /// A caller's artifact location, before it is made absolute.
    package static func artifactLocation(_ location: String) throws(TrackingError) {
        guard !location.hasPrefix("runs:") else {
            throw .invalidParameter("Artifact location cannot be a runs:/ URI. Given: '\(location)'")
        }
        if hasURIScheme(location) {
            guard !location.contains("#"), !location.contains(";") else {
                throw .invalidParameter("'artifact_location' URL can't include fragments or params.")
            }
            if let question = location.firstIndex(of: "?"), location[question...].contains("..") {
                throw .invalidParameter("Invalid query string")
            }
        }
        guard isAtMost(Limits.artifactLocationLength, location) else {
            throw .invalidParameter(
                "Invalid artifact path length. The length of the artifact path cannot be greater than "
                    + "\(Limits.artifactLocationLength) characters.")
        }
    }

    package static func runID(_ id: String, path: String = "run_id") throws(TrackingError) {
        guard isRunID(id) else {
            throw .invalidParameter("Invalid value \(quotedJSON(id)) for parameter '\(path)' supplied.")
        }
    }

    /// The number behind an experiment id.
    package static func experimentID(_ id: String) throws(TrackingError) -> Int64 {
        guard let number = Int64(id), id.utf8.first != UInt8(ascii: "+") else {
            throw .invalidParameter(
                "Invalid experiment ID '\(id.prefix(200))'. Experiment ID must be a valid integer.")
        }
        return number
    }

    package static func datasetInput(_ input: DatasetInput) throws(TrackingError) {
        let dataset = input.dataset
        try length(dataset.name, limit: Limits.datasetNameLength, name: "name")
        try length(dataset.digest, limit: Limits.datasetDigestLength, name: "digest")
        try length(dataset.source, limit: Limits.datasetSourceLength, name: "source")
        try length(dataset.schema ?? "", limit: Limits.datasetSchemaLength, name: "schema")
        try length(dataset.profile ?? "", limit: Limits.datasetProfileLength, name: "profile")
        for tag in input.tags {
            try length(tag.key, limit: Limits.inputTagKeyLength, name: "key")
            try length(tag.value, limit: Limits.inputTagValueLength, name: "value")
        }
    }

    /// Checks how many results a search asks for.
    package static func maxResults(_ count: Int, limit: Int) throws(TrackingError) {
        guard count > 0 else {
            throw .invalidParameter(
                "Invalid value \(count) for parameter 'max_results' supplied. It must be a positive integer")
        }
        guard count <= limit else {
            throw .invalidParameter(
                "Invalid value \(count) for parameter 'max_results' supplied. It must be at most \(limit)")
        }
    }
}

// MARK: - The registry

extension Validation {
    package static func modelName(_ name: String, path: String = "name") throws(TrackingError) {
        guard !name.allSatisfy(\.isWhitespace) else {
            throw .invalidParameter("Missing value for required parameter '\(path)'.")
        }
        guard !name.contains("/"), !name.contains(":") else {
            throw .invalidParameter("Invalid model name '\(name)'. Names cannot contain '/' or ':'.")
        }
        guard !resolvesToAnotherName(name) else {
            throw .invalidParameter(invalidValue(quotedJSON(name), path: path, badPathMessage(name)))
        }
    }

    package static func modelVersion(_ version: String) throws(TrackingError) -> Int64 {
        guard let number = Int64(version) else {
            throw .invalidParameter("Parameter 'version' must be an integer, got '\(version.prefix(200))'.")
        }
        return number
    }

    package static func alias(_ alias: String) throws(TrackingError) {
        guard !alias.isEmpty else { throw .invalidParameter("Registered model alias name cannot be empty.") }
        guard alias.unicodeScalars.allSatisfy({ $0.isWordCharacter || $0 == "-" }) else {
            throw .invalidParameter(
                "Invalid alias name: '\(alias)'. "
                    + "Names may only contain alphanumerics, underscores (_), and dashes (-).")
        }
        try length(alias, limit: Limits.aliasLength, name: "Registered model alias name")
        if alias.lowercased() == "latest" {
            throw .invalidParameter("'latest' alias name (case insensitive) is reserved.")
        }
        let rest = alias.unicodeScalars.dropFirst()
        if alias.hasPrefix("v") || alias.hasPrefix("V"), !rest.isEmpty,
            rest.allSatisfy({ $0.properties.numericType == .decimal })
        {
            throw .invalidParameter("Version alias name '\(alias)' is reserved.")
        }
    }

    package static func loggedModelName(_ name: String) throws(TrackingError) {
        guard !name.isEmpty, !name.contains(where: { "/:.%\"'".contains($0) }) else {
            throw .invalidParameter(
                "Invalid model name ('\(name)') provided. Model name must be a non-empty string and cannot contain "
                    + "the following characters: ('/', ':', '.', '%', '\"', \"'\")")
        }
    }
}

// MARK: - The rules below the rules

extension Validation {
    private static func key(_ key: String, path: @autoclosure () -> String) throws(TrackingError) {
        guard key.unicodeScalars.allSatisfy({ $0.isWordCharacter || "/.- :".unicodeScalars.contains($0) }) else {
            throw .invalidParameter(
                invalidValue(
                    quotedJSON(key), path: path(),
                    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.),"
                        + " spaces ( ), colon(:) and slashes (/)."))
        }
        guard !resolvesToAnotherName(key) else {
            throw .invalidParameter(invalidValue(quotedJSON(key), path: path(), badPathMessage(key)))
        }
    }

    package static func length(_ text: String, limit: Int, name: String) throws(TrackingError) {
        guard !isAtMost(limit, text) else { return }
        throw .invalidParameter("'\(name)' exceeds the maximum length of \(limit) characters")
    }

    private static func fitted(
        _ text: String, limit: Int, name: String, longValues: LongValues
    ) throws(TrackingError) -> String {
        if isAtMost(limit, text) { return text }
        switch longValues {
        case .truncated: return String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
        case .refused: throw .invalidParameter("'\(name)' exceeds the maximum length of \(limit) characters")
        }
    }

    /// Whether text has at most that many scalars; looks at no more of it than needed.
    private static func isAtMost(_ limit: Int, _ text: String) -> Bool {
        text.utf8.count <= limit || text.unicodeScalars.count <= limit
    }

    private static func resolvesToAnotherName(_ name: String) -> Bool {
        // The usual key has neither slash nor leading dot, and is its own path.
        let bytes = name.utf8
        if !bytes.isEmpty, bytes.first != UInt8(ascii: "."), !bytes.contains(UInt8(ascii: "/")) { return false }
        let normalized = normalizedPath(name)
        return normalized != name || normalized == "." || normalized.hasPrefix("..") || normalized.hasPrefix("/")
    }

    private static func badPathMessage(_ name: String) -> String {
        "Names may be treated as files in certain cases, and must not resolve to other names"
            + " when treated as such. This name would resolve to '\(normalizedPath(name))'"
    }

    private static func invalidValue(_ value: String, path: String, _ message: String) -> String {
        "Invalid value \(value) for parameter '\(path)' supplied: \(message)"
    }
}

/// A path without empty, `.` and resolvable `..` components, by the rules of POSIX: two leading slashes are kept.
func normalizedPath(_ path: String) -> String {
    guard !path.isEmpty else { return "." }
    let slashes = path.utf8.prefix { $0 == UInt8(ascii: "/") }.count
    let root = slashes == 0 ? "" : slashes == 2 ? "//" : "/"
    var components: [Substring] = []
    for component in path.split(separator: "/") where component != "." {
        if component != ".." || (root.isEmpty && components.last ?? ".." == "..") {
            components.append(component)
        } else if !components.isEmpty {
            components.removeLast()
        }
    }
    let normalized = root + components.joined(separator: "/")
    return normalized.isEmpty ? "." : normalized
}

/// Text as a JSON string, all but ASCII escaped.
func quotedJSON(_ text: String) -> String {
    var quoted = "\""
    for unit in text.utf16 {
        switch unit {
        case 0x22: quoted += "\\\""
        case 0x5C: quoted += "\\\\"
        case 0x08: quoted += "\\b"
        case 0x09: quoted += "\\t"
        case 0x0A: quoted += "\\n"
        case 0x0C: quoted += "\\f"
        case 0x0D: quoted += "\\r"
        case 0x20...0x7E: quoted.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
        default:
            let digits = String(unit, radix: 16)
            quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
    return quoted + "\""
}

/// Whether text begins with a URI scheme.
package func hasURIScheme(_ text: String) -> Bool {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon != text.startIndex else { return false }
    return text[..<colon].unicodeScalars.allSatisfy { scalar in
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "+-.".unicodeScalars.contains(scalar))
    }
}
