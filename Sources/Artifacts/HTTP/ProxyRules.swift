import AsyncHTTPClient

/// Which proxy, if any, stands between us and a host: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in either case.
package struct ProxyRules: Sendable {
    struct Proxy: Sendable, Hashable {
        var isSOCKS: Bool
        var host: String
        var port: Int
        var credentials: HTTPCredentials

        var configuration: HTTPClient.Configuration.Proxy {
            if isSOCKS { return .socksServer(host: host, port: port) }
            let authorization: HTTPClient.Authorization? =
                switch credentials {
                case .basic(let user, let password): .basic(username: user, password: password)
                case .bearer(let token): .bearer(tokens: token)
                case .none: nil
                }
            return .server(host: host, port: port, authorization: authorization)
        }
    }

    private var http: Proxy?
    private var https: Proxy?
    /// Lower-case names, `.suffix`es, addresses, `host:port`, or `*`.
    private var exceptions: [String]

    package static let none = ProxyRules()

    private init() {
        exceptions = []
    }

    package init(environment: [String: String]) throws {
        func value(_ name: String) -> (name: String, text: String)? {
            for spelling in [name, name.uppercased()] {
                if let text = environment[spelling], !text.isEmpty { return (spelling, text) }
            }
            return nil
        }
        // As curl has it: HTTP_PROXY in capitals is what a web server makes of a visitor's `Proxy:` header.
        let plain = environment["http_proxy"].flatMap { $0.isEmpty ? nil : (name: "http_proxy", text: $0) }
        http = try (plain ?? value("all_proxy")).map(Self.proxy)
        https = try (value("https_proxy") ?? value("all_proxy")).map(Self.proxy)
        exceptions = (value("no_proxy")?.text ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
    }

    /// Loopback is never reached through a proxy.
    func proxy(for url: HTTPURL) -> Proxy? {
        guard let proxy = url.scheme == .http ? http : https else { return nil }
        let host = url.host.trimmingBrackets
        guard host != "localhost", host != "::1", !host.hasPrefix("127.") else { return nil }
        let isExcepted = exceptions.contains { exception in
            if exception == "*" { return true }
            var name = exception.hasPrefix(".") ? String(exception.dropFirst()) : exception
            if name.hasSuffix(":\(url.origin.port)") { name = String(name.dropLast("\(url.origin.port)".count + 1)) }
            name = name.trimmingBrackets
            return host == name || host.hasSuffix(".\(name)")
        }
        return isExcepted ? nil : proxy
    }

    private static func proxy(_ variable: (name: String, text: String)) throws -> Proxy {
        var text = variable.text
        var isSOCKS = false
        if let scheme = text.firstRange(of: "://") {
            switch text[..<scheme.lowerBound].lowercased() {
            case "http": break
            case "socks5", "socks5h", "socks": isSOCKS = true
            default:
                throw ArtifactError(
                    .unsupportedScheme, "\(variable.name) names a kind of proxy that is not supported",
                    remedy: "use http:// or socks5://, or unset \(variable.name)")
            }
            text = String(text[scheme.upperBound...])
        }
        do {
            let url = try HTTPURL("http://\(text)")
            let port = text.dropFirst(text.lastIndex(of: "@").map { text.distance(from: text.startIndex, to: $0) } ?? 0)
            // HTTPURL forgets port 80, which is the default of an address but not of a proxy.
            let hasPort = port.contains(":")
            return Proxy(
                isSOCKS: isSOCKS, host: url.host.trimmingBrackets,
                port: url.port ?? (hasPort ? 80 : isSOCKS ? 1_080 : 3_128), credentials: url.userinfo)
        } catch {
            throw ArtifactError(
                .invalidAddress, "\(variable.name) is not the address of a proxy",
                remedy: "unset it or write http://host:port")
        }
    }
}

extension String {
    /// The address within `[…]`.
    var trimmingBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
