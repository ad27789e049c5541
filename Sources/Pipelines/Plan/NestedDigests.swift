import JSON

// Which files of nested pipelines a plan was made with, so that a resume notices when one has changed since.
extension Plan {
    /// The digest of the file's text.
    var sourceDigest: String { hexDigest(of: source) }

    /// Digests of the files of nested pipelines that are known before the start, by step such as `prepare/clean`.
    package var nestedDigests: [String: String] {
        var digests: [String: String] = [:]
        for step in steps {
            guard let nested = step.nested?.plan else { continue }
            digests[step.name] = nested.sourceDigest
            for (name, digest) in nested.nestedDigests { digests["\(step.name)/\(name)"] = digest }
        }
        return digests
    }

    /// The same of a plan that was written as JSON; empty for anything else.
    package static func nestedDigests(recorded bytes: [UInt8]) -> [String: String] {
        guard case .object(let plan)? = try? JSONReader.read(bytes.span) else { return [:] }
        return nestedDigests(of: plan)
    }

    /// The depth of JSON that is read is limited, so the recursion is.
    private static func nestedDigests(of plan: JSONObject) -> [String: String] {
        var digests: [String: String] = [:]
        guard case .array(let steps)? = plan["steps"] else { return [:] }
        for step in steps {
            guard case .object(let step) = step, case .string(let name)? = step["name"],
                case .string(let digest)? = step["pipeline_digest"]
            else { continue }
            digests[name] = digest
            guard case .object(let nested)? = step["pipeline"] else { continue }
            for (inner, digest) in nestedDigests(of: nested) { digests["\(name)/\(inner)"] = digest }
        }
        return digests
    }
}
