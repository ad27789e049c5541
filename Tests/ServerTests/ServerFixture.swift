import Files
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import SQLiteStore
import SystemPackage
import Testing
import Tracking

@testable import Server

/// A server over a real store in a folder of its own, which goes away with it.
final class ServerFixture: Sendable {
    let folder: TemporaryDirectory
    let store: SQLiteStore
    let settings: ServerSettings

    /// - Parameter adjust: changes the settings, which serve artifacts below the folder and ask for no credentials.
    init(adjust: (inout ServerSettings) -> Void = { _ in }) async throws {
        folder = try TemporaryDirectory(prefix: "server-test")
        store = try await SQLiteStore.open(
            folder.path.appending("mlflow.db"),
            options: SQLiteStore.Options(workingDirectory: folder.path))
        var settings = ServerSettings(
            artifactRoots: ArtifactRoots(
                served: folder.path.appending("mlartifacts"), local: [folder.path.appending("mlruns")]))
        adjust(&settings)
        self.settings = settings
    }

    var responder: TrackingResponder { settings.makeResponder(for: store, address: "127.0.0.1", port: 5000) }

    /// Calls the router without a network.
    func withClient<Value>(
        _ body: @Sendable (any TestClientProtocol) async throws -> Value
    ) async throws -> Value {
        let application = Application(responder: responder, logger: .silent)
        let value = try await application.test(.router, body)
        await store.close()
        return value
    }

    /// Serves on a real socket while `body` runs.
    func withEndpoint<Value>(_ body: (TrackingEndpoint) async throws -> Value) async throws -> Value {
        let endpoint = try TrackingEndpoint(store: store, settings: settings)
        do {
            let value = try await body(endpoint)
            await endpoint.close()
            await store.close()
            return value
        } catch {
            await endpoint.close(grace: .zero)
            throw error
        }
    }
}

extension TestClientProtocol {
    /// Sends a JSON body and gives back the status and the answer's text.
    @discardableResult
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, headers: HTTPFields = [:]
    ) async throws -> (status: Int, text: String) {
        var headers = headers
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        return try await execute(uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
        {
            (status: $0.status.code, text: String(buffer: $0.body))
        }
    }

    /// Posts to a call of version 2.0 of the API.
    @discardableResult
    func post(_ call: String, _ body: String) async throws -> (status: Int, text: String) {
        try await self.call(.post, "/api/2.0/mlflow/\(call)", body)
    }

    func get(_ call: String) async throws -> (status: Int, text: String) {
        try await self.call(.get, "/api/2.0/mlflow/\(call)")
    }
}

/// One member of a flat JSON answer, as text.
func member(_ name: String, of text: String) -> String? {
    guard case .object(let object)? = try? JSONReader.read(Array(text.utf8).span) else { return nil }
    return find(name, in: object)
}

private func find(_ name: String, in object: JSONObject) -> String? {
    for member in object.members {
        if member.name == name {
            if case .string(let text) = member.value { return text }
            return member.value.shownInMessage
        }
        if case .object(let inner) = member.value, let found = find(name, in: inner) { return found }
    }
    return nil
}
