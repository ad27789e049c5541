import Files
import Foundation
import SystemPackage
import Testing

/// The real bash, as entry points get it.
enum Bash {
    /// What a command did.
    struct Outcome {
        /// The arguments of each call of `show`, in order.
        var calls: [[String]]
        /// Files that appeared in the working directory: none must, since no template here writes any.
        var created: [String]
    }

    /// Runs each command by `bash -c` in an empty folder, where the program `show` records its arguments.
    ///
    /// One outer bash starts them all, which is several times quicker than a process for each from here.
    static func run(_ commands: [String]) async throws -> [Outcome] {
        let scratch = try TemporaryDirectory(prefix: "swiftflow-bash")
        let base = scratch.path.string
        let show = "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >> \"$RECORD\"\n"
        try write(show, "\(base)/bin/show", permissions: 0o755)
        try write(commands.map { $0 + "\0" }.joined(), "\(base)/commands")
        try FileManager.default.createDirectory(atPath: "\(base)/work", withIntermediateDirectories: true)
        // `read -d ''` keeps a command's own line ends, which `$(…)` would not.
        let driver = """
            cd "$1/work" && PATH="$1/bin:$PATH" && shopt -s nullglob dotglob
            i=0
            while IFS= read -r -d '' text <&3; do
              RECORD="$1/$i.record" bash -c "$text" 3<&- < /dev/null > /dev/null 2>&1
              created=(*)
              if [ ${#created[@]} -gt 0 ]; then printf '%s\\0' "${created[@]}" > "$1/$i.created"; rm -rf -- "${created[@]}"; fi
              i=$((i + 1))
            done 3< "$1/commands"
            """
        try await runProgram("/bin/bash", ["-c", driver, "bash", base], in: scratch.path)
        return commands.indices.map { index in
            Outcome(
                calls: calls(in: fields("\(base)/\(index).record")), created: fields("\(base)/\(index).created"))
        }
    }

    /// The arguments of the only call of `show`.
    static func arguments(of command: String) async throws -> [String] {
        let outcome = try #require(try await run([command]).first)
        #expect(outcome.created.isEmpty)
        try #require(outcome.calls.count == 1, "\(command) → \(outcome.calls)")
        return outcome.calls[0]
    }

    private static func fields(_ path: String) -> [String] {
        let content = FileManager.default.contents(atPath: path) ?? Data()
        return content.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// Each call is recorded as the number of its arguments and the arguments.
    private static func calls(in fields: [String]) -> [[String]] {
        var rest = fields[...]
        var calls: [[String]] = []
        while let count = rest.popFirst().flatMap({ Int($0) }) {
            calls.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return calls
    }
}

/// Runs a program to its end without holding a thread of the tests.
func runProgram(_ program: String, _ arguments: [String], in folder: FilePath) async throws {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: folder.string)
    let status: Int32 = try await withCheckedThrowingContinuation { continuation in
        process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
        do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    try #require(status == 0)
}

/// Writes a file, making its folders.
func write(_ text: String, _ path: String, permissions: Int = 0o644) throws {
    try write(Array(text.utf8), path, permissions: permissions)
}

func write(_ bytes: [UInt8], _ path: String, permissions: Int = 0o644) throws {
    let folder = FilePath(path).removingLastComponent().string
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try #require(
        FileManager.default.createFile(
            atPath: path, contents: Data(bytes), attributes: [.posixPermissions: permissions]))
}
