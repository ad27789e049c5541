package import Diagnostics
package import JSON

/// The few things we ask of a cluster, by paths of its REST API.
///
/// ``Kubectl`` is the real one; tests put a script in its place.
package protocol ClusterAPI: Sendable {
    func get(_ path: String) async throws -> JSONValue
    func create(_ path: String, _ object: JSONValue) async throws -> JSONValue
    func replace(_ path: String, _ object: JSONValue) async throws -> JSONValue
    func delete(_ path: String, options: JSONValue) async throws

    /// Receives the answer as it comes, until the server ends it.
    ///
    /// Cancelling the task ends the connection.
    func stream(_ path: String, receive: @escaping @Sendable (RawSpan) -> Void) async throws
}

/// Why the cluster did not do what it was asked.
package struct ClusterError: ExplainedError {
    package enum Kind: Sendable, Hashable {
        case unreachable, busy, gone
        case unauthorized, forbidden, notFound, exists, invalid
        /// The client is missing or does not work.
        case client
        case other
    }

    package let kind: Kind
    package let message: String
    package let remedy: String?

    package init(_ kind: Kind, _ message: String, remedy: String? = nil) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
    }

    package var diagnostics: [Diagnostic] { [Diagnostic(.error, message, remedy: remedy)] }

    /// Whether the same request may succeed a little later.
    package var isTransient: Bool { [.unreachable, .busy, .gone].contains(kind) }
}

/// Paths of the objects we deal with.
package struct ClusterPaths: Sendable {
    package var namespace: String

    package init(namespace: String) {
        self.namespace = namespace
    }

    private func core(_ kind: String) -> String { "/api/v1/namespaces/\(namespace)/\(kind)" }

    var jobs: String { "/apis/batch/v1/namespaces/\(namespace)/jobs" }
    var pods: String { core("pods") }
    var configMaps: String { core("configmaps") }

    func job(_ name: String) -> String { "\(jobs)/\(name)" }
    func configMap(_ name: String) -> String { "\(configMaps)/\(name)" }

    func events(of name: String) -> String {
        "\(core("events"))?fieldSelector=\(percentEncoded("involvedObject.name=\(name)"))"
    }

    func log(of pod: String, container: String, follows: Bool, since: String?) -> String {
        var path = "\(pods)/\(pod)/log?container=\(percentEncoded(container))&timestamps=true"
        if follows { path += "&follow=true" }
        if let since { path += "&sinceTime=\(percentEncoded(since))" }
        return path
    }
}

/// For a value in a query.
func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { result, byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
            result.unicodeScalars.append(Unicode.Scalar(byte))
        default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
    }
}
