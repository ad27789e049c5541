import Diagnostics
import NIOSSL

/// How far a server must prove who it is, and how we prove who we are.
package struct TLSOptions: Sendable, Hashable {
    /// `false` accepts any certificate: only when the user said so by name.
    package var verifiesServer = true
    /// A PEM file, or a folder of them, with the authorities to trust instead of the system's.
    package var authorities: String?
    /// A PEM file with our certificate chain and private key.
    package var clientCertificate: String?

    package init(verifiesServer: Bool = true, authorities: String? = nil, clientCertificate: String? = nil) {
        self.verifiesServer = verifiesServer
        self.authorities = authorities
        self.clientCertificate = clientCertificate
    }

    /// The system's authorities, no certificate of our own.
    package static let standard = TLSOptions()

    /// For any web server: authorities from `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE` or `SSL_CERT_FILE`.
    package static func general(environment: [String: String]) -> TLSOptions {
        let names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
        return TLSOptions(authorities: names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty })
    }

    /// For the tracking server: `MLFLOW_TRACKING_INSECURE_TLS`, `MLFLOW_TRACKING_SERVER_CERT_PATH`, `MLFLOW_TRACKING_CLIENT_CERT_PATH`.
    ///
    /// - Throws: when the first two contradict each other.
    package static func tracking(environment: [String: String]) throws -> TLSOptions {
        var options = general(environment: environment)
        let authorities = environment["MLFLOW_TRACKING_SERVER_CERT_PATH"].flatMap { $0.isEmpty ? nil : $0 }
        options.verifiesServer = !isTrue(environment["MLFLOW_TRACKING_INSECURE_TLS"])
        options.authorities = authorities ?? options.authorities
        options.clientCertificate = environment["MLFLOW_TRACKING_CLIENT_CERT_PATH"].flatMap { $0.isEmpty ? nil : $0 }
        if !options.verifiesServer, authorities != nil {
            throw InvalidInput(
                "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH are both set",
                remedy: "unset one: either any certificate is accepted, or only what the file vouches for")
        }
        return options
    }

    func makeConfiguration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if !verifiesServer { configuration.certificateVerification = .none }
        if let authorities { configuration.trustRoots = .file(authorities) }
        do {
            if let authorities {
                // Read now, for an error that names the file; NIOSSL would only say "failed to load".
                guard try !NIOSSLCertificate.fromPEMFile(authorities).isEmpty else {
                    throw NIOSSLError.failedToLoadCertificate
                }
            }
            if let clientCertificate {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(clientCertificate)
                    .map { .certificate($0) }
                configuration.privateKey = try .privateKey(NIOSSLPrivateKey(file: clientCertificate, format: .pem))
            }
        } catch {
            let files = [authorities, clientCertificate].compactMap { $0 }.map { "'\($0)'" }.joined(separator: " or ")
            throw ArtifactError(
                .invalidAddress, "the certificate file \(files) cannot be used: \(error)",
                remedy: "give a readable PEM file; a client certificate needs its private key in the same file")
        }
        return configuration
    }
}

/// The words MLflow takes for true.
func isTrue(_ text: String?) -> Bool {
    ["true", "1"].contains(text?.lowercased() ?? "")
}
