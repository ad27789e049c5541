import NIOCore
import NIOSSL

/// Checks that a server's certificate is for the name we asked for.
///
/// The TLS library also accepts a certificate for the *address* it was led to. Then whoever can forge a name's address, and has an ordinary
/// certificate for an address of his own, would pass for any host. So names are compared once more, and strictly.
struct CertificateName: Sendable {
    /// The host of the URL: a name, or an address literal without brackets.
    let host: String

    /// Succeeds when the certificate of an established connection names the host; else closes the connection.
    func check(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.nioSSL_peerCertificate().flatMapThrowing { certificate in
            guard let certificate, matches(certificate) else {
                // Later, so that the pool has forgotten the connection when it hears of its end.
                channel.eventLoop.scheduleTask(in: .milliseconds(50)) { channel.close(promise: nil) }
                throw ArtifactError(
                    .unreachable, "the server that answers for '\(host)' has a TLS certificate for another name",
                    remedy: "check the address; somebody may be standing in between")
            }
        }
    }

    private func matches(_ certificate: NIOSSLCertificate) -> Bool {
        let address = try? SocketAddress(ipAddress: host, port: 0)
        return certificate._subjectAlternativeNames().contains { name in
            let contents = Array(name.contents)
            switch name.nameType {
            case .dnsName:
                return address == nil && Self.matches(host, pattern: String(decoding: contents, as: UTF8.self))
            case .ipAddress:
                let named = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: contents), port: 0)
                return address != nil && named?.ipAddress == address?.ipAddress
            default: return false
            }
        }
    }

    /// A wildcard stands for exactly one label, the first, and needs two more behind it.
    static func matches(_ host: String, pattern: String) -> Bool {
        func labels(_ name: String) -> [Substring] {
            (name.hasSuffix(".") ? name.dropLast() : name[...]).split(separator: ".", omittingEmptySubsequences: false)
        }
        let host = labels(host.lowercased())
        let pattern = labels(pattern.lowercased())
        guard host.count == pattern.count, !host.contains("") else { return false }
        if pattern.first == "*" { return pattern.count >= 3 && host.dropFirst() == pattern.dropFirst() }
        return host == pattern
    }
}
