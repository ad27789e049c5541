import Files
import JSON

/// The query of a URL as the fields of a message: decoded once, a repeated name as an array.
enum Query {
    /// More pairs than any call of the API needs.
    private static let pairLimit = 4096

    static func fields(_ text: String) throws(APIError) -> JSONObject {
        var order: [String] = []
        var values: [String: [JSONValue]] = [:]
        let pairs = text.split(separator: "&")
        guard pairs.count <= pairLimit else { throw .invalidParameter("The query has more than \(pairLimit) fields.") }
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts.first ?? ""), let value = decoded(parts.dropFirst().first ?? "") else {
                throw .invalidParameter("The query has a broken percent-escape or is not valid UTF-8.")
            }
            if values[name] == nil { order.append(name) }
            values[name, default: []].append(.string(value))
        }
        return JSONObject(
            members: order.compactMap { name in
                guard let found = values[name], let first = found.first else { return nil }
                return JSONObject.Member(name: name, value: found.count == 1 ? first : .array(found))
            })
    }

    private static func decoded(_ text: Substring) -> String? {
        percentDecoded(text.contains("+") ? String(text.map { $0 == "+" ? " " : $0 }) : String(text))
    }
}
