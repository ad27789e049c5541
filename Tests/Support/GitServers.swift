import Files
import Foundation
import Processes
package import SystemPackage

/// A server of git repositories over HTTP: git-http-backend behind nginx.
///
/// - `/git/NAME` needs no password; `/private/NAME` wants the one of `users`.
/// - `/moved/NAME` redirects to `/git/NAME` on this server, `/elsewhere/NAME` to `/private/NAME` of another host name.
package struct GitHTTPServer: Sendable {
    package let port: Int
    package let scheme: String
    private let front: ServerProcess
    private let back: any RunningProcess

    /// The URL of a repository everybody may read.
    package func url(_ name: String) -> String { "\(scheme)://127.0.0.1:\(port)/git/\(name)" }
    package func url(_ area: String, _ name: String) -> String { "\(scheme)://127.0.0.1:\(port)/\(area)/\(name)" }

    /// Starts both programs.
    ///
    /// - Parameters:
    ///   - users: names and passwords for `/private/`.
    ///   - certificate: the files of a certificate and its key, for https.
    package static func start(
        _ fixture: GitFixture, users: [String: String] = [:], certificate: (file: FilePath, key: FilePath)? = nil
    ) async throws -> GitHTTPServer {
        let name = "http-\(randomName())"
        let folder = fixture.folder.appending(name)
        try makeFolders(folder)
        let passwords = users.map { "\($0.key):{PLAIN}\($0.value)\n" }.joined()
        try fixture.write("\(name)/users", passwords)
        guard let wrapper = findEngine("fcgiwrap") else { throw MissingEngine("fcgiwrap") }
        let socket = folder.appending("socket")
        let back = try await fixture.starter.start(
            ProcessSpecification(
                executable: wrapper, arguments: ["-c", "4", "-s", "unix:\(socket)"], environment: fixture.environment,
                workingDirectory: folder, output: .discarded))
        // Until then, nginx would answer 502.
        guard await eventually({ canConnect(to: socket) }) else {
            throw FixtureFailure("fcgiwrap does not listen at '\(socket)'")
        }
        let port = try freePort()
        let backend = try await fixture.git(["--exec-path"], in: folder) + "/git-http-backend"
        let configuration = nginxConfiguration(
            folder: folder, port: port, backend: backend, projects: fixture.repositories, certificate: certificate)
        try fixture.write("\(name)/nginx.conf", configuration)
        let front = try await ServerProcess(
            "nginx", ["-c", folder.appending("nginx.conf").string, "-e", "stderr"], port: port,
            environment: fixture.environment, folder: folder, starter: fixture.starter)
        return GitHTTPServer(port: port, scheme: certificate == nil ? "http" : "https", front: front, back: back)
    }

    package func stop() async {
        await front.stop()
        await back.stop(grace: .milliseconds(200))
    }

    /// Every request so far, one a line: method, path, user, status.
    package var requests: [String] {
        front.log.split(separator: "\n").filter { $0.hasPrefix("request ") }.map { String($0.dropFirst(8)) }
    }

    private static func nginxConfiguration(
        folder: FilePath, port: Int, backend: String, projects: FilePath,
        certificate: (file: FilePath, key: FilePath)?
    ) -> String {
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder)/\($0);" }
        let tls = certificate.map { "ssl_certificate \($0.file); ssl_certificate_key \($0.key);" } ?? ""
        let scheme = certificate == nil ? "http" : "https"
        func area(_ name: String, _ extra: String) -> String {
            """
            location ~ ^/\(name)(/.*)$ {
              \(extra)
              client_max_body_size 0;
              fastcgi_pass unix:\(folder)/socket;
              fastcgi_param SCRIPT_FILENAME \(backend);
              fastcgi_param GIT_PROJECT_ROOT \(projects);
              fastcgi_param GIT_HTTP_EXPORT_ALL "";
              fastcgi_param PATH_INFO $1;
              fastcgi_param REMOTE_USER $remote_user;
              fastcgi_param QUERY_STRING $query_string;
              fastcgi_param REQUEST_METHOD $request_method;
              fastcgi_param CONTENT_TYPE $content_type;
              fastcgi_param CONTENT_LENGTH $content_length;
              fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
              fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
            }
            """
        }
        return """
            daemon off; master_process off; worker_processes 1; pid \(folder)/pid; \(isRoot() ? "user root;" : "")
            error_log stderr error;
            events { worker_connections 256; }
            http {
              log_format short 'request $request_method $uri user=$remote_user status=$status';
              access_log /dev/stdout short;
              \(places.joined(separator: " "))
              server {
                listen 127.0.0.1:\(port)\(certificate == nil ? "" : " ssl"); \(tls)
                \(area("git", ""))
                \(area("private", "auth_basic \"git\"; auth_basic_user_file \(folder)/users;"))
                location ~ ^/moved(/.*)$ { return 302 \(scheme)://127.0.0.1:\(port)/git$1$is_args$args; }
                location ~ ^/elsewhere(/.*)$ { return 302 \(scheme)://localhost:\(port)/private$1$is_args$args; }
                location ~ ^/page { default_type text/html; return 200 "<html><body>Sign in</body></html>"; }
              }
            }
            """
    }
}

/// An ssh server that lets one generated key in, as the user who runs the tests.
package struct SSHServer: Sendable {
    package let port: Int
    /// The private key that is let in.
    package let key: FilePath
    /// The server's public host key as a line of `known_hosts` names it: type and base64.
    package let hostKey: String
    package let knownHosts: FilePath
    package let user: String
    private let process: ServerProcess

    package func url(_ path: FilePath) -> String { "ssh://\(user)@127.0.0.1:\(port)\(path)" }
    package func stop() async { await process.stop() }

    package static func start(_ fixture: GitFixture, hostKeyType: String = "ed25519") async throws -> SSHServer {
        let name = "ssh-\(randomName())"
        let folder = fixture.folder.appending(name)
        try makeFolders(folder)
        let key = folder.appending("key")
        for (file, type) in [("host", hostKeyType), ("key", "ed25519")] {
            try await fixture.run(
                "ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "test", "-f", folder.appending(file).string],
                in: folder)
        }
        func publicKey(_ file: String) throws -> String {
            String(decoding: try readFile(folder.appending("\(file).pub"), limit: 10_000), as: UTF8.self)
        }
        try fixture.write("\(name)/authorized", publicKey("key"))
        let hostKey = try publicKey("host").split(separator: " ").prefix(2).joined(separator: " ")
        let port = try freePort()
        try fixture.write("\(name)/known_hosts", "[127.0.0.1]:\(port) \(hostKey)\n")
        let configuration = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder)/host
            AuthorizedKeysFile \(folder)/authorized
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin prohibit-password
            PidFile \(folder)/pid
            MaxStartups 1000
            """
        try fixture.write("\(name)/sshd_config", configuration)
        if isRoot() { try? makeFolders("/run/sshd", mode: 0o755) }
        let process = try await ServerProcess(
            "sshd", ["-D", "-e", "-f", folder.appending("sshd_config").string], port: port,
            environment: fixture.environment, folder: folder, starter: fixture.starter)
        return SSHServer(
            port: port, key: key, hostKey: hostKey, knownHosts: folder.appending("known_hosts"), user: currentUser(),
            process: process)
    }
}

/// Git's own server for its own protocol.
package struct GitDaemon: Sendable {
    package let port: Int
    private let process: ServerProcess

    package func url(_ name: String) -> String { "git://127.0.0.1:\(port)/\(name)" }
    package func stop() async { await process.stop() }

    package static func start(_ fixture: GitFixture) async throws -> GitDaemon {
        let port = try freePort()
        let process = try await ServerProcess(
            "git",
            [
                "daemon", "--reuseaddr", "--base-path=\(fixture.repositories)", "--export-all", "--listen=127.0.0.1",
                "--port=\(port)",
            ], port: port, environment: fixture.environment, folder: fixture.folder, starter: fixture.starter)
        return GitDaemon(port: port, process: process)
    }
}
