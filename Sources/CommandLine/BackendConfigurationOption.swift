import Diagnostics
import Execution
import Files
import FoundationEssentials
import SystemPackage

extension BackendConfiguration {
    /// Reads `--backend-config`: the path of a `.json` file, or JSON text.
    ///
    /// - Throws: `UsageError` for a file that cannot be read and for text that is no JSON object.
    init(option: String?) throws {
        guard let option else {
            self.init()
            return
        }
        var text = option
        if option.hasSuffix(".json") {
            do {
                text = String(
                    decoding: try readFile(currentDirectory().pushing(FilePath(option)), limit: 16 << 20), as: UTF8.self
                )
            } catch {
                throw UsageError(
                    "the backend configuration '\(option)' cannot be read",
                    remedy: "check the path given to --backend-config")
            }
        }
        guard (try? JSONDecoder().decode([String: AnyJSON].self, from: Data(text.utf8))) != nil else {
            throw UsageError(
                "the backend configuration is no JSON object",
                remedy: #"write {"key": "value"}, or the path of a file that ends in .json"#)
        }
        self.init(json: text)
    }
}

/// Accepts any JSON value; only the form is of interest.
private struct AnyJSON: Decodable {
    init(from decoder: any Decoder) throws {
        _ = try decoder.singleValueContainer()
    }
}
