import Artifacts
import Diagnostics
import Files
import SystemPackage
import Testing

@testable import RemoteStore

/// What address and environment say, and that secrets stay secret (rule R20, promise P10).
@Suite(.timeLimit(.minutes(10)))
struct SettingsTests {
    /// The `Authorization` that a store made with those settings sends.
    private func authorization(_ environment: [String: String], userinfo: String = "") async throws -> String? {
        try await ScriptedServer.serving({ _, _, connection in try await connection.answer(runJSON()) }) { server in
            let store = try server.store(environment, userinfo: userinfo)
            _ = try await store.run(id: "r1")
            await store.close()
            #expect(!store.location.contains("@"))
            return server.requests.first?.header("Authorization")
        }
    }

    @Test func `credentials come from the environment, else from the address`() async throws {
        let basic = ["MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pw"]
        let token = ["MLFLOW_TRACKING_TOKEN": "t0ken"]
        #expect(try await authorization([:]) == nil)
        #expect(try await authorization(basic) == "Basic YW5uOnB3")
        #expect(try await authorization(token) == "Bearer t0ken")
        #expect(try await authorization(basic.merging(token) { $1 }) == "Basic YW5uOnB3")
        #expect(try await authorization(["MLFLOW_TRACKING_USERNAME": "ann"]) == nil)
        #expect(try await authorization([:], userinfo: "ann:pw@") == "Basic YW5uOnB3")
        #expect(try await authorization(token, userinfo: "ann:pw@") == "Bearer t0ken")
    }

    @Test func `the workspace is named to the server`() async throws {
        try await ScriptedServer.withStore(["MLFLOW_WORKSPACE": "team"]) { _, _, connection in
            try await connection.answer(runJSON())
        } _: { store, server in
            _ = try await store.run(id: "r1")
            #expect(server.requests.first?.header("X-MLFLOW-WORKSPACE") == "team")
        }
    }

    @Test func `P10 no error shows the password of the address`() async throws {
        let store = try RemoteStore(
            "http://ann:hunter2@127.0.0.1:1/prefix/", environment: ["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"])
        let error = await #expect(throws: (any Error).self) { _ = try await store.run(id: "r1") }
        #expect("\(try #require(error))".contains("http://127.0.0.1:1/prefix/api/2.0/mlflow/runs/get"))
        #expect(!"\(try #require(error))".contains("hunter2"))
        await store.close()
    }

    @Test func `P9 all settings that are no numbers are named at once`() throws {
        let error = #expect(throws: InvalidInput.self) {
            _ = try RemoteStore(
                "http://127.0.0.1:1",
                environment: [
                    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "many", "MLFLOW_HTTP_REQUEST_TIMEOUT": "-1",
                    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "nan",
                ])
        }
        #expect(error?.diagnostics.count == 3)
    }

    @Test func `P8 numbers beyond the limits are taken as the limit`() throws {
        let settings = try RetrySettings(environment: [
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1000000", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1e300",
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1e300",
        ])
        #expect(settings.maximumRetries == 10 && settings.timeout == .seconds(3600) && settings.backoffFactor == 120)
        #expect(settings.pause(before: 60, isHasty: false, asked: nil) == .seconds(30))
    }

    @Test(
        arguments: [
            ("ftp://host", [:]), ("http://", [:]), ("http://host/?a=b", [:]), ("http://host:99999", [:]),
            ("http://host", ["MLFLOW_TRACKING_TOKEN": "token\n"]), ("http://host", ["MLFLOW_WORKSPACE": "a\r\nb: c"]),
            ("http://host", ["MLFLOW_TRACKING_AWS_SIGV4": "true"]), ("http://host", ["MLFLOW_TRACKING_AUTH": "plugin"]),
            (
                "https://host",
                ["MLFLOW_TRACKING_INSECURE_TLS": "true", "MLFLOW_TRACKING_SERVER_CERT_PATH": "/x.pem"]
            ),
        ] as [(String, [String: String])])
    func `P9 what cannot be used is refused before anything is sent`(url: String, environment: [String: String]) {
        let error = #expect(throws: (any Error).self) { _ = try RemoteStore(url, environment: environment) }
        #expect(error is any ExplainedError)
    }

    @Test func `shared connections are left open`() async throws {
        try await ScriptedServer.serving({ _, _, connection in try await connection.answer(runJSON()) }) { server in
            let http = OutgoingHTTP()
            let url = "http://127.0.0.1:\(server.port)"
            for _ in 0..<2 {
                let store = try await RemoteStore.open(url, environment: ScriptedServer.quick, http: http)
                _ = try await store.run(id: "r1")
                await store.close()
            }
            await http.shutdown()
        }
    }

    // MARK: ~/.mlflow/credentials

    @Test func `the credentials file is read as Python reads it`() {
        let text = """
            # comment
            [other]
            mlflow_tracking_username = no
            [mlflow]
            ; comment
            MLFLOW_TRACKING_USERNAME : ann
              mlflow_tracking_password =  50%% off = yes \r
            nonsense

            """
        #expect(
            CredentialsFile.parse(text) == [
                "mlflow_tracking_username": "ann", "mlflow_tracking_password": "50% off = yes",
            ])
        #expect(CredentialsFile.parse("").isEmpty)
        #expect(CredentialsFile.parse("[DEFAULT]\nmlflow_tracking_username=d")["mlflow_tracking_username"] == "d")
    }

    @Test func `the credentials file gives only what the environment lacks`() async throws {
        let home = try TemporaryDirectory(prefix: "swiftflow-home")
        let none = ["HOME": home.path.string]
        #expect(try await CredentialsFile.completing(none) == none)
        try write("[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = pw\n", in: home)

        let complete = try await CredentialsFile.completing(none)
        #expect(complete["MLFLOW_TRACKING_USERNAME"] == "ann" && complete["MLFLOW_TRACKING_PASSWORD"] == "pw")
        let named = try await CredentialsFile.completing(none.merging(["MLFLOW_TRACKING_USERNAME": "bob"]) { $1 })
        #expect(named["MLFLOW_TRACKING_USERNAME"] == "bob" && named["MLFLOW_TRACKING_PASSWORD"] == "pw")
        let token = none.merging(["MLFLOW_TRACKING_TOKEN": "t"]) { $1 }
        #expect(try await CredentialsFile.completing(token) == token)
        #expect(try await CredentialsFile.completing([:]).isEmpty)
    }

    @Test func `P8 a credentials file that cannot be one is refused`() async throws {
        let home = try TemporaryDirectory(prefix: "swiftflow-home")
        try write(String(repeating: "x", count: 70_000), in: home)
        let error = await #expect(throws: InvalidInput.self) {
            _ = try await CredentialsFile.completing(["HOME": home.path.string])
        }
        #expect(error?.description.contains("longer than 65536 bytes") == true)
    }

    private func write(_ text: String, in home: TemporaryDirectory) throws {
        try home.directory.makeDirectory(try RelativePath(".mlflow"))
        try home.directory.writeFile(try RelativePath(".mlflow/credentials"), Array(text.utf8))
    }
}
