// A runner for tests: a program of its own, so that it can be killed, limited, and measured from outside.
//
//   run [--terminal] [--input TEXT] [--grace SECONDS] PROGRAM ARGUMENT…   one process; its output goes to our output
//   count PROGRAM ARGUMENT…                                              one process; its output is only counted
//   many COUNT PROGRAM ARGUMENT…                                         so many at once
//   loop COUNT PROGRAM ARGUMENT…                                         one after the other
//   detach LOG PROGRAM ARGUMENT…                                         starts a detached process
//
// Reports go to the standard error, one line each: `started PID`, `end …`, `error …`.
import Files
import Glibc
import Processes
import Synchronization
import SystemPackage

func say(_ text: String) {
    var text = text + "\n"
    text.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
}

func value(after option: String, in arguments: inout [String]) -> String? {
    guard let index = arguments.firstIndex(of: option), index + 1 < arguments.count else { return nil }
    defer { arguments.removeSubrange(index...index + 1) }
    return arguments[index + 1]
}

func describe(_ end: ProcessEnd) -> String {
    let how =
        switch end.termination {
        case .exited(let code): "exited \(code)"
        case .signaled(let signal): "signaled \(signal)"
        }
    return "end \(how) left=\(end.leftDescendants) failure=\(end.supervisionFailure ?? "none")"
}

func peakMemory() -> Int {
    // Not `ru_maxrss`: that begins with what the process had that this one was forked from.
    let status = (try? readFile("/proc/self/status", limit: 1 << 16)) ?? []
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
}

func specification(
    _ command: [String], input: StandardInput = .null, output: OutputHandling = .discarded
) -> ProcessSpecification {
    var environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
    // The mark by which the tests find what should have ended.
    environment["SWIFTFLOW_TEST_MARK"] = environmentVariable("SWIFTFLOW_TEST_MARK")
    let program = findExecutable(command[0], searchPath: environment["PATH"]) ?? FilePath(command[0])
    return ProcessSpecification(
        executable: program, arguments: Array(command.dropFirst()), environment: environment, workingDirectory: "/",
        standardInput: input, output: output)
}

func repeatedly(_ verb: String, _ count: Int, _ what: ProcessSpecification) async throws {
    let start = ContinuousClock.now
    var succeeded = 0
    if verb == "many" {
        succeeded = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do {
                        return try await Keeper.shared.start(what).wait().isSuccess
                    } catch {
                        say("error \(error)")
                        return false
                    }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
    } else {
        for _ in 0..<count where try await Keeper.shared.start(what).wait().isSuccess { succeeded += 1 }
    }
    let wall = (ContinuousClock.now - start) / count
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let processor =
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    say("ok \(succeeded) wall-each=\(wall) cpu-us-each=\(processor / count) memory=\(peakMemory())")
}

var arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2 else { exit(64) }
let verb = arguments.removeFirst()
do {
    switch verb {
    case "run":
        let signals = TerminationSignals.install()
        let grace = value(after: "--grace", in: &arguments).flatMap(Int.init) ?? 10
        let input = value(after: "--input", in: &arguments)
        let mirrors = arguments.first == "--terminal"
        if mirrors { arguments.removeFirst() }
        let standardInput: StandardInput =
            switch input {
            case nil: .null
            case "inherited": .inherited
            case .some(let text): .bytes(Array(text.utf8))
            }
        let output = OutputHandling(mirrorsTerminal: mirrors) { stream, bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                _ = unsafe write(stream == .standardOutput ? 1 : 2, bytes.baseAddress, bytes.count)
            }
        }
        let process = try await Keeper.shared.start(
            specification(arguments, input: standardInput, output: output))
        say("started \(process.processID) keeper \(Keeper.shared.processID ?? 0)")
        let listener = Task {
            var count = 0
            for await signal in signals {
                count += 1
                say("signal \(signal) \(count)")
                await process.stop(grace: count == 1 ? .seconds(grace) : .zero)
            }
        }
        let start = ContinuousClock.now
        let end = await process.wait()
        // How long the run took beyond the program's own time.
        say("\(describe(end)) after-ms=\((ContinuousClock.now - start - end.wallTime) / .milliseconds(1))")
        listener.cancel()
    case "count":
        let counts = Mutex((output: 0, error: 0))
        let process = try await Keeper.shared.start(
            specification(
                arguments,
                output: OutputHandling { stream, bytes in
                    counts.withLock { counts in
                        if stream == .standardOutput {
                            counts.output += bytes.byteCount
                        } else {
                            counts.error += bytes.byteCount
                        }
                    }
                }))
        let end = await process.wait()
        let (output, error) = counts.withLock { $0 }
        say("\(describe(end)) output=\(output) error=\(error) memory=\(peakMemory()) wall=\(end.wallTime)")
    case "many", "loop":
        let count = Int(arguments.removeFirst()) ?? 1
        try await repeatedly(verb, count, specification(arguments))
    case "detach":
        let log = FilePath(arguments.removeFirst())
        let program = FilePath(arguments.removeFirst())
        let process = try startDetached(
            program, arguments: arguments, environment: ["PATH": "/usr/bin:/bin"], workingDirectory: "/", log: log)
        say("started \(process) \(ProcessIdentity(processID: process))")
    default: exit(64)
    }
} catch {
    say("error \(error)")
    exit(1)
}
