import Diagnostics
import NIOCore
import NIOSSL
package import SystemPackage

/// The files of a server's certificate.
package struct TLSFiles: Sendable {
    /// The certificate and those that signed it, in PEM form, its own first.
    package var certificateChain: FilePath
    package var privateKey: FilePath

    package init(certificateChain: FilePath, privateKey: FilePath) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }

    func makeContext() throws(InvalidInput) -> TLSContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificateChain.string)
            let key = try NIOSSLPrivateKey(file: privateKey.string, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            return TLSContext(context: try NIOSSLContext(configuration: configuration))
        } catch {
            throw InvalidInput(
                "cannot use the certificate '\(certificateChain)' with the key '\(privateKey)': \(error)",
                remedy: "give PEM files of a certificate chain and its key")
        }
    }
}

/// What connections are encrypted with.
struct TLSContext: Sendable {
    fileprivate let context: NIOSSLContext

    func makeHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context) }
}
