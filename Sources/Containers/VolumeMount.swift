package import Diagnostics

/// A mount as a project asks for it: `/host:/container[:options]`, or `volume:/container[:options]`.
package struct VolumeMount: Sendable, Hashable, CustomStringConvertible {
    package enum Source: Sendable, Hashable {
        /// A folder or file of the host: absolute, or relative to the project's folder.
        case host(path: String)
        /// A volume that the engine keeps, by its name.
        case volume(name: String)
        /// A volume of the container's own, gone with it.
        case anonymous
    }

    package let source: Source
    package let target: String
    /// `ro`, `z`, … as written.
    package let options: [String]

    private static let knownOptions = [
        "ro", "rw", "z", "Z", "U", "cached", "delegated", "consistent", "shared", "rshared", "slave", "rslave",
        "private",
        "rprivate", "nocopy", "noexec", "nosuid", "nodev", "exec", "suid", "dev",
    ]

    package init(_ text: String) throws(InvalidInput) {
        func refusal(_ reason: String) -> InvalidInput {
            InvalidInput(
                "the volume '\(text.count > 200 ? "\(text.prefix(200))…" : text)' \(reason)",
                remedy: "write it as '/host/folder:/folder/in/container' or '/host/folder:/folder/in/container:ro'")
        }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
            throw refusal("contains a control character")
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, !parts.contains(where: \.isEmpty), let first = parts.first, let last = parts.last else {
            throw refusal("is not of the form SOURCE:TARGET[:OPTIONS]")
        }
        if parts.count == 1 {
            source = .anonymous
            target = last
            options = []
        } else {
            target = parts[1]
            options =
                parts.count == 3 ? last.split(separator: ",", omittingEmptySubsequences: false).map(String.init) : []
            if first.hasPrefix("/") || first == "." || first == ".." || first.hasPrefix("./") || first.hasPrefix("../")
            {
                source = .host(path: first)
            } else if Self.isVolumeName(first) {
                source = .volume(name: first)
            } else {
                throw refusal(
                    "has the source '\(first)', which is neither an absolute path nor one that begins with './' nor the name of a volume"
                )
            }
        }
        guard target.hasPrefix("/"), target != "/", !target.split(separator: "/").contains("..") else {
            throw refusal("has the target '\(target)', which is not an absolute path below '/'")
        }
        for option in options where !Self.knownOptions.contains(option) {
            throw InvalidInput(
                "the volume '\(text)' has the unknown option '\(option)'",
                remedy: suggestion(for: option, among: Self.knownOptions, kind: "options"))
        }
    }

    private static func isVolumeName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetterOrDigit(first), text.utf8.count > 1 else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D || $0 == 0x2E }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    package var isReadOnly: Bool { options.contains("ro") }

    /// For the client's `--volume`, with the host's path in place of the one that was written.
    package func argument(hostPath: String? = nil) -> String {
        let suffix = options.isEmpty ? "" : ":" + options.joined(separator: ",")
        switch source {
        case .host(let path): return "\(hostPath ?? path):\(target)\(suffix)"
        case .volume(let name): return "\(name):\(target)\(suffix)"
        case .anonymous: return target
        }
    }

    package var description: String { argument() }
}

/// The value of `--mount` for a folder or file that is ours to mount: any path, also one with colons, commas or quotes.
package func bindMountArgument(from source: String, to target: String, isReadOnly: Bool = false) -> String {
    // The option is a line of comma-separated values; a field in quotes may hold anything.
    func field(_ name: String, _ value: String) -> String {
        let text = "\(name)=\(value)"
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
    let fields = ["type=bind", field("source", source), field("target", target)]
    return (isReadOnly ? fields + ["readonly"] : fields).joined(separator: ",")
}
