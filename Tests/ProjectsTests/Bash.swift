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
    static func run(_ commands: [String]) throws -> [Outcome] {
        let scratch = try TemporaryDirectory(prefix: "swiftflow-bash")
        let base = scratch.path.string
        let show = "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >> \"$RECORD\"\n"
        try write(show, "\(base)/bin/show", permissions: 0o755)
        for (index, command) in commands.enumerated() {
            try write(command, "\(base)/\(index)/command")
            try FileManager.default.createDirectory(atPath: "\(base)/\(index)/work", withIntermediateDirectories: true)
        }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        // `read -d ''` keeps the command's own line ends, which `$(…)` would not.
        process.arguments = [
            "-c",
            """
            cd "$1" && PATH="$1/bin:$PATH"
            for i in $(seq 0 $(($2 - 1))); do
              IFS= read -r -d '' text < "$1/$i/command"
              (cd "$1/$i/work" && RECORD="$1/$i/record" exec bash -c "$text" < /dev/null > /dev/null 2>&1)
            done
            """,
            "bash", base, String(commands.count),
        ]
        try process.run()
        process.waitUntilExit()
        return try commands.indices.map { index in
            let record = FileManager.default.contents(atPath: "\(base)/\(index)/record") ?? Data()
            return Outcome(
                calls: calls(in: record),
                created: try FileManager.default.contentsOfDirectory(atPath: "\(base)/\(index)/work"))
        }
    }

    /// The arguments of the only call of `show`.
    static func arguments(of command: String) throws -> [String] {
        let outcome = try #require(try run([command]).first)
        #expect(outcome.created.isEmpty)
        try #require(outcome.calls.count == 1, "\(command) → \(outcome.calls)")
        return outcome.calls[0]
    }

    private static func calls(in record: Data) -> [[String]] {
        var fields = record.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }[...]
        var calls: [[String]] = []
        while let count = fields.popFirst().flatMap({ Int($0) }) {
            calls.append(Array(fields.prefix(count)))
            fields = fields.dropFirst(count)
        }
        return calls
    }
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

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
