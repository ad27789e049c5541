import Files

/// The mark of a complete environment, written last: without it a folder is half built and is built again.
///
/// Lines of `key=value` after a first line that names the format.
struct EnvironmentRecord: Sendable, Equatable {
    static let fileName = ".swiftflow-complete"
    static let sizeLimit = 65_536
    private static let heading = "swiftflow environment 1"

    var manager: String
    var fingerprint: String
    /// Seconds since 1970, for people.
    var created: Int64
    var python: String?
    /// Where a conda environment lies.
    var prefix: String?
    /// False while a conda environment is being made.
    var isComplete = true
    var activation: VirtualActivation?

    var text: String {
        var lines = [
            Self.heading, "manager=\(manager)", "fingerprint=\(fingerprint)", "created=\(created)",
            "complete=\(isComplete ? "yes" : "no")",
        ]
        if let python { lines.append("python=\(python)") }
        if let prefix { lines.append("prefix=\(prefix)") }
        if let activation {
            lines.append("ps1=\(activation.shellPrompt)")
            if let prompt = activation.prompt { lines.append("prompt=\(prompt)") }
            if let prompt = activation.promptWhenDisabled { lines.append("prompt-disabled=\(prompt)") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    init(
        manager: String, fingerprint: String, created: Int64, python: String? = nil, prefix: String? = nil,
        isComplete: Bool = true, activation: VirtualActivation? = nil
    ) {
        self.manager = manager
        self.fingerprint = fingerprint
        self.created = created
        self.python = python
        self.prefix = prefix
        self.isComplete = isComplete
        self.activation = activation
    }

    /// Nil for anything but a whole record of this format.
    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first.map(String.init) == Self.heading, lines.last == "" else { return nil }
        var values: [Substring: String] = [:]
        for line in lines.dropFirst() {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = String(line[line.index(after: equals)...])
        }
        guard let manager = values["manager"], let fingerprint = values["fingerprint"],
            let created = values["created"].flatMap({ Int64($0) })
        else { return nil }
        self.init(
            manager: manager, fingerprint: fingerprint, created: created, python: values["python"],
            prefix: values["prefix"], isComplete: values["complete"] == "yes",
            activation: values["ps1"].map {
                VirtualActivation(
                    prompt: values["prompt"], promptWhenDisabled: values["prompt-disabled"], shellPrompt: $0)
            })
    }
}
