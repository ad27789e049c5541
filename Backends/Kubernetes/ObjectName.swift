/// Names as the cluster's API takes them.
enum ObjectName {
    /// Whether the text is an RFC 1123 label: at most 63 of `[a-z0-9-]`, letters or digits at both ends.
    static func isLabel(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), text.utf8.first != hyphen, text.utf8.last != hyphen else {
            return false
        }
        return text.utf8.allSatisfy { isLowerOrDigit($0) || $0 == hyphen }
    }

    /// Whether the text is an RFC 1123 subdomain: labels joined by dots, at most 253 bytes.
    ///
    /// Secrets and ConfigMaps are named so.
    static func isSubdomain(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel(String($0)) }
    }

    /// Whether the text may name an environment variable of a container.
    static func isVariable(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            isLowerOrDigit($0 | 0x20) && $0 > 0x2F || $0 == 0x5F || $0 == hyphen || $0 == 0x2E
        }
    }

    /// Whether the text may name a resource beyond the cluster's own: a domain, a slash and a name.
    static func isExtendedResource(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let domain = parts.first, let name = parts.last, isSubdomain(String(domain)) else {
            return false
        }
        return isLabel(name.lowercased().replacing(".", with: "-").replacing("_", with: "-"))
    }

    /// A label made of any text, such as a project's name: `My Model (v2)` → `my-model-v2`; nil when nothing of it is left.
    static func label(from text: String) -> String? {
        var bytes: [UInt8] = []
        for byte in text.lowercased().utf8 {
            if isLowerOrDigit(byte) {
                bytes.append(byte)
            } else if bytes.last != hyphen, !bytes.isEmpty {
                bytes.append(hyphen)
            }
        }
        bytes = Array(bytes.prefix(63))
        while bytes.last == hyphen { bytes.removeLast() }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private static let hyphen = UInt8(ascii: "-")

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}

/// Labels and annotations by which jobs of ours are found again.
enum ObjectLabel {
    static let managedBy = "app.kubernetes.io/managed-by"
    static let runID = "swiftflow/run-id"
    static let experimentID = "swiftflow/experiment-id"
    /// The job's name, on everything that belongs to it.
    static let job = "swiftflow/job"
    /// The runner that submitted it: one watch serves all jobs of a runner.
    static let runner = "swiftflow/runner"
    /// Annotations: the project's own name and its entry point, which may be any text.
    static let project = "swiftflow/project"
    static let entryPoint = "swiftflow/entry-point"
    /// Annotation: tells a submission of ours whose answer was lost from one that somebody else made.
    static let submission = "swiftflow/submission"
    /// Annotation: what the container writes after the command's last byte.
    static let endMark = "swiftflow/end-mark"

    static let product = "swiftflow"
}
