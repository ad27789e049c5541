import Crypto
import Documents

/// The names environments have, which are MLflow's: the same declaration gives the same folder in both programs.
enum EnvironmentName {
    /// The name of a Python environment; see §11.3 of MLflow's behaviour: the declaration as Python prints it, then the requirements.
    ///
    /// - Parameter addition: what MLflow leaves out although the environment depends on it; empty in all other cases, so that
    ///   those names stay equal to MLflow's.
    static func python(
        _ python: String, buildDependencies: [String], dependencies: [String], requirements: [Requirement],
        addition: String = ""
    ) -> String {
        let declaration = YAMLValue.mapping([
            .init(key: .string("python"), value: .string(python)),
            .init(key: .string("build_dependencies"), value: .list(buildDependencies.map(YAMLValue.string))),
            .init(key: .string("dependencies"), value: .list(dependencies.map(YAMLValue.string))),
        ])
        let sorted = requirements.sorted(by: Requirement.precedes).map(\.pythonRepresentation).joined()
        return "mlflow-" + sha1(declaration.pythonRepresentation + sorted + addition)
    }

    /// The name of a conda environment: the file's text with newlines as Python reads them.
    static func conda(_ file: String) -> String {
        var text = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in file.unicodeScalars {
            if scalar == "\r" {
                text.append("\n")
            } else if !(scalar == "\n" && previous == "\r") {
                text.append(scalar)
            }
            previous = scalar
        }
        return "mlflow-" + sha1(String(text))
    }

    static func isName(_ text: String) -> Bool {
        text.hasPrefix("mlflow-") && text.utf8.count == 47
            && text.utf8.dropFirst(7).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func sha1(_ text: String) -> String {
        hexadecimal(Insecure.SHA1.hash(data: Array(text.utf8)))
    }

    static func sha256(_ bytes: [UInt8]) -> String {
        hexadecimal(SHA256.hash(data: bytes))
    }

    private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        digest.reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
