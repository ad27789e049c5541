import Artifacts
import Diagnostics
import SystemPackage

/// `~/.mlflow/credentials`: the name and password that MLflow's clients use when the environment has none.
///
///     [mlflow]
///     mlflow_tracking_username = ann
///     mlflow_tracking_password = …
package enum CredentialsFile {
    private static let sizeLimit = 64 << 10
    private static let names = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"]

    /// The environment with what it lacks of name and password taken from the file in the home folder.
    ///
    /// The file is not looked at when the environment has both, or a token: that was said for this command, the file for all of them.
    /// - Throws: `InvalidInput` when there is a file and it cannot be read.
    package static func completing(_ environment: [String: String]) async throws -> [String: String] {
        func has(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        guard !names.allSatisfy(has), !has("MLFLOW_TRACKING_TOKEN"), let home = environment["HOME"], !home.isEmpty
        else {
            return environment
        }
        let path = FilePath(home).appending(".mlflow").appending("credentials")
        guard let text = try await onBlockingThread({ try read(path) }) else { return environment }
        let values = parse(text)
        var complete = environment
        for name in names where !has(name) { complete[name] = values[name.lowercased()] }
        return complete
    }

    private static func read(_ path: FilePath) throws -> String? {
        func unreadable(_ reason: String) -> InvalidInput {
            InvalidInput("cannot read '\(path)': \(reason)", remedy: "correct the file or take it away")
        }
        do {
            // Not blocking: whatever lies there, nothing is waited for.
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                var content: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4096)
                while true {
                    let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
                    if count == 0 { break }
                    content += buffer.prefix(count)
                    guard content.count <= sizeLimit else { throw unreadable("it is longer than \(sizeLimit) bytes") }
                }
                guard let text = String(validating: content, as: UTF8.self) else { throw unreadable("it is not UTF-8") }
                return text
            }
        } catch let error as Errno {
            if [.noSuchFileOrDirectory, .notDirectory].contains(error) { return nil }
            throw unreadable(error.description.lowercased())
        }
    }

    /// The values of the section `mlflow`, as Python's `configparser` reads them: names in lower case, `%%` for `%`.
    static func parse(_ text: String) -> [String: String] {
        var sections: [String: [String: String]] = [:]
        var section: String?
        for rawLine in text.split(whereSeparator: \.isNewline) {
            let line = trimmed(rawLine)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                section = String(line[line.index(after: line.startIndex)..<end])
                continue
            }
            guard let section, let separator = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else { continue }
            let name = trimmed(line[..<separator]).lowercased()
            let value = trimmed(line[line.index(after: separator)...])
            sections[section, default: [:]][name] = String(value.replacing("%%", with: "%"))
        }
        return (sections["DEFAULT"] ?? [:]).merging(sections["mlflow"] ?? [:]) { $1 }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
