extension CacheRecord {
    /// Why a step is other work than a run that has the earlier record: `param depth 6 → 8`, `code: lib/data.py changed`.
    ///
    /// Empty when the two are the same work.
    package func changes(since earlier: CacheRecord) -> [String] {
        CacheField.allCases.filter { digests[$0] != earlier.digests[$0] }.flatMap { field -> [String] in
            let named = changes(of: field, since: earlier)
            return named.isEmpty ? ["\(field.word == "param" ? "params" : field.word) changed"] : named
        }
    }

    /// All reasons in one line, as the plan shows it.
    package func explanation(since earlier: CacheRecord) -> String {
        changes(since: earlier).joined(separator: "; ")
    }

    private func changes(of field: CacheField, since earlier: CacheRecord) -> [String] {
        let old = earlier.parts[field] ?? [:]
        let new = parts[field] ?? [:]
        switch field {
        case .format: return ["the format of cache keys changed"]
        case .code:
            // Folders may stand for files in one record and not in the other.
            let (before, after) = Self.comparable(old, new)
            return Self.listed(before, after, "code")
        case .salt:
            return ["salt \(Self.quotedOrNone(old[""])) → \(Self.quotedOrNone(new[""]))"]
        case .action, .environment:
            return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted().map { name in
                Self.change(of: "\(field == .action ? "" : "environment: ")\(name)", from: old[name], to: new[name])
            }
        case .params, .inputs, .variables, .outputs:
            let names = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
            let shown = names.prefix(5).map { Self.change(of: "\(field.word) \($0)", from: old[$0], to: new[$0]) }
            return shown + (names.count > 5 ? ["\(names.count - 5) more \(field.word)s"] : [])
        }
    }

    private static func quotedOrNone(_ text: String?) -> String { text.map { "'\($0)'" } ?? "none" }

    /// `name 6 → 8`, or only that it changed when the values are not kept.
    private static func change(of name: String, from old: String?, to new: String?) -> String {
        switch (old, new) {
        case (let old?, let new?):
            old.hasPrefix("#") || new.hasPrefix("#") || old.isEmpty ? "\(name) changed" : "\(name) \(old) → \(new)"
        case (nil, .some): "\(name) added"
        default: "\(name) removed"
        }
    }

    private static func listed(_ old: [String: String], _ new: [String: String], _ word: String) -> [String] {
        let names = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard !names.isEmpty else { return [] }
        let shown = names.prefix(3).map { name in
            "\(name) \(old[name] == nil ? "added" : new[name] == nil ? "removed" : "changed")"
        }
        return ["\(word): \(shown.joined(separator: ", "))\(names.count > 3 ? " and \(names.count - 3) more" : "")"]
    }

    /// Drops what one record tells file by file and the other only by folder, unless nothing would be left to say.
    private static func comparable(
        _ old: [String: String], _ new: [String: String]
    ) -> (old: [String: String], new: [String: String]) {
        let folders = Set(old.keys).union(new.keys).filter { $0.hasSuffix("/") && (old[$0] == nil || new[$0] == nil) }
        guard !folders.isEmpty else { return (old, new) }
        func isComparable(_ path: String) -> Bool { !folders.contains { path.hasPrefix($0) } }
        return (old.filter { isComparable($0.key) }, new.filter { isComparable($0.key) })
    }
}
