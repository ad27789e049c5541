import Diagnostics
import Files
import NIOCore
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// A folder with programs of ours, to be the whole PATH beside the system's, and a starter for processes.
struct ToolBench: Sendable {
    let scratch: TemporaryDirectory
    let keeper: Keeper

    init() throws {
        scratch = try TemporaryDirectory(prefix: "tools-test")
        keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
        try scratch.directory.makeDirectory(RelativePath("bin"))
    }

    var environment: [String: String] { ["PATH": "\(scratch.path)/bin:/usr/bin:/bin", "HOME": scratch.path.string] }

    /// Puts a shell script on the PATH.
    func install(_ name: String, _ script: String) throws {
        try scratch.directory.writeFile(
            RelativePath("bin/\(name)"), Array("#!/bin/bash\n\(script)\n".utf8), mode: 0o700)
    }

    func repository(_ uri: String) throws -> ExternalToolRepository {
        try ExternalToolRepository(uri, environment: environment, tools: keeper)
    }
}

@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("sshd", "sftp", "ssh-keygen")))
struct `artifacts over sftp (OpenSSH)` {
    /// Runs a real sshd on the loopback with keys of its own.
    private func withServer<Result: Sendable>(
        _ body: @Sendable (ToolBench, _ uri: String) async throws -> Result
    ) async throws -> Result {
        let bench = try ToolBench()
        let folder = bench.scratch.path
        let keygen = try #require(findEngine("ssh-keygen"))
        let client = try #require(findEngine("sftp"))
        for key in ["host", "user"] {
            let made = try await bench.keeper.runTool(
                keygen, ["-q", "-t", "ed25519", "-N", "", "-f", folder.appending(key).string], environment: [:],
                workingDirectory: folder)
            #expect(made.end.isSuccess)
        }
        let port = try freePort()
        let configuration = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder)/host
            AuthorizedKeysFile \(folder)/user.pub
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin prohibit-password
            PidFile none
            MaxStartups 1000
            Subsystem sftp internal-sftp
            """
        try bench.scratch.directory.writeFile(RelativePath("sshd.conf"), Array(configuration.utf8))
        let hostKey = String(decoding: try readFile(folder.appending("host.pub"), limit: 4_096), as: UTF8.self)
        try bench.scratch.directory.writeFile(
            RelativePath("known_hosts"), Array("[127.0.0.1]:\(port) \(hostKey)".utf8))
        // OpenSSH takes its configuration from the password file's home, so ours is given by a wrapper; the client is the real one.
        try bench.scratch.directory.writeFile(
            RelativePath("ssh.conf"),
            Array("IdentityFile \(folder)/user\nIdentitiesOnly yes\nUserKnownHostsFile \(folder)/known_hosts\n".utf8))
        try bench.install("sftp", "exec \(client) -F \(folder)/ssh.conf \"$@\"")
        try? makeFolders("/run/sshd", mode: 0o755)
        let engine = try await ServerProcess(
            "sshd", ["-D", "-e", "-f", folder.appending("sshd.conf").string], port: port, environment: [:],
            folder: folder, starter: bench.keeper, patience: .seconds(60))
        defer { withExtendedLifetime(engine) {} }
        return try await body(bench, "sftp://\(currentUser())@127.0.0.1:\(port)\(folder)/remote")
    }

    @Test func `the conformance kit passes`() async throws {
        try await withServer { bench, uri in
            try await ArtifactRepositoryKit(
                bench.repository(uri), scratch: bench.scratch.path.appending("scratch"), largeSize: 1 << 20,
                names: [
                    "with blank.txt", "größe-🚂", "quote'\"s", "wild*[c]ard?", "-dash", "100%", ".hidden", "hash#$;",
                ]
            ).run()
        }
    }

    @Test func `what is wrong is said by the client, with the place`() async throws {
        try await withServer { bench, uri in
            let missing = try bench.repository(uri.replacing("/remote", with: "/nowhere"))
            #expect(try await missing.list(.root).isEmpty)
            let absent = await #expect(throws: ArtifactError.self) {
                try await missing.download(RelativePath("x"), into: bench.scratch.directory, Transfer())
            }
            #expect(absent?.reason == .notFound)
            let refused = try bench.repository("sftp://127.0.0.1:1/x")
            let error = await #expect(throws: ArtifactError.self) { try await refused.list(.root) }
            #expect(error?.reason == .toolFailed)
            #expect(error?.description.contains("sftp://127.0.0.1:1/x") == true)
            #expect(error?.description.contains("refused") == true)
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct `clients of other stores` {
    @Test(arguments: [
        ("gs://bucket/x", "gcloud", "cloud.google.com"), ("wasbs://c@a.blob.core.windows.net/x", "az", "az login"),
        ("abfss://c@a.dfs.core.windows.net/x", "az", "aka.ms"), ("dbfs:/x", "databricks", "docs.databricks.com"),
        ("hdfs://host/x", "hdfs", "Hadoop"),
    ])
    func `a missing client is named, with how to get it`(uri: String, program: String, hint: String) async throws {
        let bench = try ToolBench()
        let repository = try ExternalToolRepository(uri, environment: ["PATH": "/nonexistent"], tools: bench.keeper)
        let error = await #expect(throws: ArtifactError.self) { try await repository.list(.root) }
        #expect(error?.reason == .toolMissing)
        #expect(error?.description.contains("'\(program)'") == true)
        #expect(error?.description.contains(hint) == true)
    }

    @Test(arguments: [
        "sftp://", "sftp://-oProxyCommand=x/y", "sftp://host name/x", "sftp://u:p@host/x", "sftp://h:99999/x",
        "sftp://h;x/y",
        "sftp://-u@h/x", "sftp://h/%00", "sftp://h/a%0Aput%20x", "gs://", "gs://bucket/*", "wasbs://container/x",
        "wasbs://-c@a.b/x", "dbfs:x", "dbfs://profile@databricks/x", "hdfs://h/*", "ftp://h/a b", "ftp://h/\"",
    ])
    func `R4 an address that a client could misread is refused before it starts`(uri: String) throws {
        #expect(throws: ArtifactError.self) { try makeArtifactClient(uri) }
    }

    // The stores behind these clients cannot be had here: scripts that keep a folder and check their arguments stand in for them.

    @Test func `gs goes through gcloud storage`() async throws {
        let bench = try ToolBench()
        let store = bench.scratch.path.appending("gs")
        try makeFolders(store.appending("bucket"))
        try bench.install(
            "gcloud",
            """
            [ "$1" = storage ] || exit 2; shift
            path() { echo "\(store)/${1#gs://}"; }
            case "$1" in
            ls) [ "$2" = -l ] || exit 2; d=$(path "$3"); [ -d "$d" ] || { echo 'ERROR: One or more URLs matched no objects.' >&2; exit 1; }
              for f in "$d"*; do [ -d "$f" ] && echo "                                 $3${f##*/}/"; [ -f "$f" ] && printf '%10d  2026-11-21T08:40:00Z  %s\\n' $(stat -c %s "$f") "$3${f##*/}"; done
              echo 'TOTAL: 1 objects, 3 bytes (3B)';;
            cp) shift; if [ "$1" = -r ]; then s=$(path "$2"); cp -r "${s%/\\*}"/. "$3"; else case "$1" in gs://*) cp "$(path "$1")" "$2";;
              *) t=$(path "$2"); mkdir -p "${t%/*}"; cp "$1" "$t";; esac; fi;;
            rm) shift; [ "$1" = -r ] && shift; rm -r "$(path "$1")" || { echo 'ERROR: The following URLs matched no objects or files' >&2; exit 1; };;
            *) exit 2;;
            esac
            """)
        try await ArtifactRepositoryKit(
            bench.repository("gs://bucket/p"), scratch: bench.scratch.path.appending("scratch"), largeSize: 1 << 16,
            names: ["with blank", "größe", "-dash", "a:b", "$x;y"]
        ).run()
        let error = #expect(throws: (any Error).self) { try bench.repository("gs://bucket/p*") }
        #expect(error is ArtifactError)
    }

    @Test func `hdfs goes through hdfs dfs`() async throws {
        let bench = try ToolBench()
        let store = bench.scratch.path.appending("hdfs")
        try makeFolders(store)
        try bench.install(
            "hdfs",
            """
            [ "$1" = dfs ] || exit 2; shift
            path() { echo "\(store)/${1#hdfs://name:9000/}"; }
            case "$1" in
            -ls) p=$(path "$2"); [ -e "$p" ] || { echo "ls: \\`$2': No such file or directory" >&2; exit 1; }
              echo 'Found 1 items'; for f in $([ -d "$p" ] && echo "$p" || echo /nonexistent); do :; done
              if [ -f "$p" ]; then echo "-rw-r--r--   3 u g $(stat -c %s "$p") 2026-11-21 08:40 $2"; else
              shopt -s dotglob nullglob; for f in "$p"/*; do k=-rw-r--r--; [ -d "$f" ] && k=drwxr-xr-x; echo "$k   3 u g $(stat -c %s "$f") 2026-11-21 08:40 $2/${f##*/}"; done; fi;;
            -get) cp -r "$(path "$2")" "$3";;
            -put) [ "$2" = -f ] && cp "$3" "$(path "$4")";;
            -mkdir) mkdir -p "$(path "$3")";;
            -rm) shift; [ "$1" = -f ] && shift; [ "$1" = -r ] && shift; rm -rf "$(path "$1")";;
            *) exit 2;;
            esac
            """)
        try await ArtifactRepositoryKit(
            bench.repository("hdfs://name:9000/p"), scratch: bench.scratch.path.appending("scratch"),
            largeSize: 1 << 16,
            names: ["with blank", "größe", "-dash"]
        ).run()
    }

    @Test func `dbfs goes through databricks fs`() async throws {
        let bench = try ToolBench()
        let store = bench.scratch.path.appending("dbfs")
        try makeFolders(store)
        try bench.install(
            "databricks",
            """
            [ "$1" = fs ] || exit 2; shift
            path() { echo "\(store)/${1#dbfs:/}"; }
            case "$1" in
            ls) p=$(path "$2"); [ "$3 $4" = '--long --output=json' ] || exit 2; [ -d "$p" ] || { echo 'Error: no such directory' >&2; exit 1; }
              shopt -s dotglob nullglob; s=; echo '['; for f in "$p"/*; do d=false; [ -d "$f" ] && d=true; n=$(stat -c %s "$f") || continue; echo "$s{\\"name\\":\\"${f##*/}\\",\\"is_directory\\":$d,\\"size\\":$n}"; s=,; done; echo ']';;
            cp) case "$2" in dbfs:*) cp -r "$(path "$2")" "$3";; *) cp "$2" "$(path "$3")";; esac;;
            mkdir) mkdir -p "$(path "$2")";;
            rm) rm -r "$(path "$2")" || { echo 'Error: no such file' >&2; exit 1; };;
            *) exit 2;;
            esac
            """)
        try await ArtifactRepositoryKit(
            bench.repository("dbfs:/p"), scratch: bench.scratch.path.appending("scratch"), largeSize: 1 << 16,
            names: ["with blank", "größe", "-dash"]
        ).run()
    }

    @Test func `Azure goes through az, and its login`() async throws {
        let bench = try ToolBench()
        try bench.install(
            "az",
            """
            echo "$@" >> "\(bench.scratch.path)/calls"
            case "$3" in
            list) echo '[{"name":"p/d/","properties":null},{"name":"p/x","properties":{"contentLength":3}}]';;
            download) for a in "$@"; do case "$a" in --file=*) printf abc > "${a#--file=}";; esac; done;;
            esac
            """)
        let repository = try bench.repository("wasbs://data@account.blob.core.windows.net/p/")
        #expect(
            try await repository.list(.root) == [
                ArtifactEntry(path: RelativePath("d"), isDirectory: true),
                ArtifactEntry(path: RelativePath("x"), isDirectory: false, size: 3),
            ])
        let copy = try await repository.download(RelativePath("x"), into: bench.scratch.directory, Transfer())
        #expect(try readFile(copy, limit: 9) == Array("abc".utf8))
        let calls = String(decoding: try readFile(bench.scratch.path.appending("calls"), limit: 1 << 16), as: UTF8.self)
        #expect(calls.contains("storage blob list --container-name=data --prefix=p/ --delimiter=/"))
        #expect(
            calls.contains(
                "--auth-mode=login --account-name=account --blob-endpoint=https://account.blob.core.windows.net"))
        #expect(calls.contains("--name=p/x"))
    }

    @Test func `P10 X-12 a password for ftp is on no command line`() async throws {
        let bench = try ToolBench()
        try bench.install(
            "curl",
            """
            echo "$@" > "\(bench.scratch.path)/arguments"; cat > "\(bench.scratch.path)/config"
            output=$(sed -n 's/^output = "\\(.*\\)"$/\\1/p' "\(bench.scratch.path)/config"); printf abc > "$output"
            """)
        let resolver = ArtifactResolver(
            environment: bench.environment, trackingURI: nil, workingDirectory: bench.scratch.path,
            http: OutgoingHTTP(),
            tools: bench.keeper)
        let copy = try await resolver.download(
            "ftp://u:PASSWORD@host/dir/x.csv", into: bench.scratch.path.appending("in"))
        #expect(copy.lastComponent?.string == "x.csv")
        let arguments = String(
            decoding: try readFile(bench.scratch.path.appending("arguments"), limit: 9_999), as: UTF8.self)
        #expect(!arguments.contains("PASSWORD"))
        let config = String(decoding: try readFile(bench.scratch.path.appending("config"), limit: 9_999), as: UTF8.self)
        #expect(config.contains("url = \"ftp://u:PASSWORD@host/dir/x.csv\""))
    }

    @Test func `a client that fails is quoted, and what it leaves is not used`() async throws {
        let bench = try ToolBench()
        try bench.install(
            "gcloud",
            """
            case "$2" in
            ls) echo '         3  2026-11-21T08:40:00Z  gs://bucket/x';;
            cp) printf half > "$4"; echo 'ERROR: token https://u:PASSWORD@host expired' >&2; exit 1;;
            esac
            """)
        let target = try Directory(creating: bench.scratch.path.appending("target"))
        let repository = try bench.repository("gs://bucket")
        let error = await #expect(throws: ArtifactError.self) {
            try await repository.download(RelativePath("x"), into: target, Transfer())
        }
        #expect(error?.reason == .toolFailed)
        #expect(error?.description.contains("expired") == true && error?.description.contains("PASSWORD") == false)
        #expect(try target.list().isEmpty)
    }

    @Test func `a client that brings links brings nothing of them`() async throws {
        let bench = try ToolBench()
        try bench.install(
            "gcloud",
            """
            case "$2" in
            ls) case "$4" in */d/) printf '  3  x  %sf\\n' "$4";; *) printf '     %sd/\\n' "$4";; esac;;
            cp) ln -s /etc/passwd "$5/link"; printf abc > "$5/f";;
            esac
            """)
        let target = try Directory(creating: bench.scratch.path.appending("target"))
        _ = try await bench.repository("gs://bucket").download(RelativePath("d"), into: target, Transfer())
        #expect(try target.list(RelativePath("d")).map(\.name) == ["f"])
        #expect(try target.list().count == 1)
    }
}
