import Files
import SystemPackage

/// The profiles of `~/.aws/credentials` and `~/.aws/config`.
struct AWSProfiles: Sendable {
    /// The profile the user chose: `AWS_PROFILE`, else `default`.
    let selected: String
    let credentialsFile: String
    let configFile: String
    private let wasChosen: Bool
    private var profiles: [String: [String: String]] = [:]

    /// Reads both files; a missing one is empty.
    ///
    /// - Throws: when a file that exists cannot be read, or is larger than 1 MiB.
    init(environment: [String: String]) throws {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = value("HOME") ?? ""
        func path(_ variable: String, _ standard: String) -> String {
            let text = value(variable) ?? "~/.aws/\(standard)"
            return text.hasPrefix("~/") ? home + text.dropFirst() : text
        }
        wasChosen = value("AWS_PROFILE") != nil || value("AWS_DEFAULT_PROFILE") != nil
        selected = value("AWS_PROFILE") ?? value("AWS_DEFAULT_PROFILE") ?? "default"
        credentialsFile = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        configFile = path("AWS_CONFIG_FILE", "config")
        for (section, settings) in try Self.sections(of: configFile) {
            let name = section == "default" ? section : Self.profileName(section)
            if let name { profiles[name, default: [:]].merge(settings) { $1 } }
        }
        // The credentials file has the last word, as in Amazon's clients.
        for (section, settings) in try Self.sections(of: credentialsFile) {
            profiles[section, default: [:]].merge(settings) { $1 }
        }
    }

    /// The settings of a profile; an unknown one that the user did not choose is empty.
    func profile(_ name: String) throws -> [String: String] {
        if let profile = profiles[name] { return profile }
        guard name == selected, !wasChosen else {
            throw ArtifactError(
                .denied, "the AWS profile '\(name)' is in neither '\(credentialsFile)' nor '\(configFile)'",
                remedy: profiles.isEmpty
                    ? "create it, or unset AWS_PROFILE"
                    : "known profiles: \(profiles.keys.sorted().prefix(12).map { "'\($0)'" }.joined(separator: ", "))")
        }
        return [:]
    }

    /// `[profile name]`, the name optionally in quotes.
    private static func profileName(_ section: String) -> String? {
        let words = section.split(maxSplits: 1) { $0 == " " || $0 == "\t" }
        guard words.count == 2, words[0] == "profile" else { return nil }
        let name = words[1].drop { $0 == " " }
        let isQuoted = name.count >= 2 && name.first == "\"" && name.last == "\""
        return String(isQuoted ? name.dropFirst().dropLast() : name)
    }

    private static func sections(of path: String) throws -> [(String, [String: String])] {
        let file = FilePath(path)
        guard fileStatus(file) != nil else { return [] }
        return sections(in: String(decoding: try readFile(file, limit: 1 << 20), as: UTF8.self))
    }

    /// Sections with their `name = value` lines.
    ///
    /// Indented lines belong to the setting above them and become `name.inner`.
    static func sections(in text: String) -> [(String, [String: String])] {
        var sections: [(name: String, settings: [String: String])] = []
        var outer = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let isIndented = line.first == " " || line.first == "\t"
            let content = line.trimmingBlanks
            guard let first = content.first, first != "#", first != ";" else { continue }
            if first == "[", let end = content.firstIndex(of: "]") {
                sections.append((String(content[content.index(after: content.startIndex)..<end].trimmingBlanks), [:]))
                outer = ""
            } else if let equals = content.firstIndex(of: "="), !sections.isEmpty {
                let name = content[..<equals].trimmingBlanks.lowercased()
                let value = String(content[content.index(after: equals)...].trimmingBlanks)
                let isInner = isIndented && !outer.isEmpty
                if !isInner { outer = name }
                sections[sections.count - 1].settings[isInner ? "\(outer).\(name)" : name] = value
            }
        }
        return sections.map { ($0.name, $0.settings) }
    }
}

extension Substring {
    var trimmingBlanks: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        var trimmed = drop(while: isBlank)
        while let last = trimmed.last, isBlank(last) { trimmed.removeLast() }
        return trimmed
    }
}
