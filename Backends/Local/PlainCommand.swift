import Execution
import Files
import Processes
import Projects
import SystemPackage

/// A command that is a program and its words and nothing else: bash would only look for the program and become it.
///
/// Starting bash costs more than many a program that it starts. Whatever might make a difference is left to bash: a character that means
/// something to it, a word of its own, a variable that changes what it does, a program that it would not find or not start.
struct PlainCommand {
    /// The program, and the words as they stand there, the first one its own name.
    let executable: FilePath
    let words: [String]
    /// The environment as bash would hand it on.
    let environment: [String: String]

    init?(_ command: String, environment: [String: String], workingDirectory: FilePath) {
        guard !environment.keys.contains(where: Self.changesBash) else { return nil }
        var words: [String] = []
        for word in command.split(separator: " ") {
            guard word.utf8.allSatisfy(Self.isPlain) else { return nil }
            words.append(String(word))
        }
        guard let name = words.first, !name.contains("="), !Self.ownWords.contains(name), name.utf8.first != 0x25,
            let executable = Self.find(name, environment["PATH"], workingDirectory), isNativeProgram(executable),
            let environment = Self.handedOn(environment, name, executable, workingDirectory)
        else { return nil }
        self.executable = executable
        self.words = words
        self.environment = environment
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_@%+=:,./-".utf8.contains(byte)
        }
    }

    private static func find(_ name: String, _ path: String?, _ workingDirectory: FilePath) -> FilePath? {
        if name.contains("/") {
            return findExecutable(workingDirectory.pushing(FilePath(name)).string, searchPath: nil)
        }
        // A part that is empty or relative means a folder that only the shell knows.
        guard let path, path.split(separator: ":", omittingEmptySubsequences: false).allSatisfy({ $0.hasPrefix("/") })
        else { return nil }
        return findExecutable(name, searchPath: path)
    }

    // MARK: What bash does to the environment

    private static func handedOn(
        _ environment: [String: String], _ name: String, _ executable: FilePath, _ workingDirectory: FilePath
    ) -> [String: String]? {
        guard let folder = resolvedPath(workingDirectory) else { return nil }
        var result = environment
        result["_"] = name.contains("/") ? name : executable.string
        let level = Int(environment["SHLVL"] ?? "") ?? 0
        // Beyond that bash complains.
        guard level < 900 else { return nil }
        result["SHLVL"] = String(max(0, level))
        let known = environment["PWD"].map { FilePath($0) }
        if known?.isAbsolute != true || known.flatMap({ resolvedPath($0) }) != folder { result["PWD"] = folder.string }
        if let old = environment["OLDPWD"], fileStatus(FilePath(old))?.kind != .directory { result["OLDPWD"] = nil }
        return result
    }

    /// Variables that mean something to bash itself, or that it gives another value.
    private static func changesBash(_ name: String) -> Bool { name.hasPrefix("BASH") || ownVariables.contains(name) }

    private static let ownVariables: Set<String> = [
        "SHELLOPTS", "POSIXLY_CORRECT", "IFS", "EXECIGNORE", "RANDOM", "SRANDOM", "SECONDS", "EPOCHSECONDS",
        "EPOCHREALTIME", "LINENO", "UID", "EUID", "PPID", "GROUPS", "DIRSTACK", "FUNCNAME", "HISTCMD", "OPTIND",
        "OPTERR", "PIPESTATUS",
    ]

    /// Keywords and built-in commands, even those that are programs as well.
    private static let ownWords: Set<String> = [
        "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done", "in",
        "function", "time", "coproc", ".", ":", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "command",
        "compgen", "complete", "compopt", "continue", "declare", "dirs", "disown", "echo", "enable", "eval", "exec",
        "exit", "export", "fc", "fg", "getopts", "hash", "help", "history", "jobs", "kill", "let", "local", "logout",
        "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray", "readonly", "return", "set", "shift", "shopt",
        "source", "suspend", "test", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
    ]
}
