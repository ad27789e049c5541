import CLinux
import Diagnostics
import Glibc
package import SystemPackage

/// Starts a program that goes on when this one ends: in a session of its own, away from the terminal.
///
/// Its standard input is `/dev/null`; both its outputs are added to `log` (created for its owner only), or thrown away. Needs no keeper.
/// Until this program ends, the new one is its child.
///
/// - Returns: the program's process id.
/// - Throws: when the program cannot be executed, the folder does not exist, or the log cannot be written.
package func startDetached(
    _ executable: FilePath, arguments: [String], environment: [String: String], workingDirectory: FilePath,
    log: FilePath? = nil
) throws(ProcessError) -> Int32 {
    let subject = "cannot start '\(executable)'"
    for text in arguments + environment.map({ "\($0.key)=\($0.value)" }) where text.utf8.contains(0) {
        throw ProcessError("\(subject): one of its arguments or variables contains a NUL byte")
    }
    let null = Descriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
    var output = null.number
    var logFile: Descriptor?
    if let log {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let file = unsafe swiftflow_openat(AT_FDCWD, log.string, flags, 0o600)
        guard file >= 0 else { throw ProcessError(startFailure: "cannot write the log '\(log)'", error: lastErrno) }
        output = file
        logFile = Descriptor(file)
    }
    defer { _ = logFile.take() }
    return try spawnSession(
        executable.string, arguments: [executable.string] + arguments,
        environment: environment.map { "\($0.key)=\($0.value)" }.sorted(), folder: workingDirectory.string,
        input: null.number, output: output, error: output, extra: -1, subject: subject)
}

/// `posix_spawn` with a new session, default signals and exactly these descriptors (`extra`, if not negative, becomes 3).
func spawnSession(
    _ executable: String, arguments: [String], environment: [String], folder: String?, input: Int32, output: Int32,
    error: Int32, extra: Int32, subject: String
) throws(ProcessError) -> Int32 {
    var process: pid_t = 0
    let result = unsafe withCStrings(arguments) { arguments in
        unsafe withCStrings(environment) { environment in
            unsafe swiftflow_spawn_session(
                &process, executable, arguments, environment, folder, input, output, error, extra)
        }
    }
    guard result == 0 else {
        if result == ENOENT, let folder, unsafe access(folder, F_OK) != 0 {
            throw ProcessError("\(subject): its working folder '\(folder)' does not exist")
        }
        throw ProcessError(startFailure: subject, error: result)
    }
    return process
}

/// The texts as a null-terminated array of C strings, valid during the call.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() {
        unsafe (pointers + index).initialize(to: strdup(text))
    }
    unsafe (pointers + texts.count).initialize(to: nil)
    defer {
        for index in texts.indices { unsafe free(pointers[index]) }
        unsafe pointers.deallocate()
    }
    return unsafe body(pointers)
}
