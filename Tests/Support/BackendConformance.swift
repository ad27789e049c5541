package import Execution
import Files
package import Processes
import SystemPackage
import Tracking

/// What every `Backend` promises (`Backends/README.md`), as checks that any implementation can be put through.
///
/// Each check returns the promises that were broken; none is what a test wants. The commands need nothing but a POSIX shell.
package struct BackendConformance: Sendable {
    private let backend: any Backend
    private let prepare: @Sendable (inout Job) throws -> Void
    private let keepsStreamsApart: Bool
    private let grace: Duration

    /// - Parameters:
    ///   - keepsStreamsApart: whether standard output and error reach the job's output as what they are; clusters mix them.
    ///   - grace: how long a command that ignores TERM may go on.
    ///   - prepare: adds to a job what this backend needs: an image, a folder, an environment.
    package init(
        _ backend: any Backend, keepsStreamsApart: Bool = true, grace: Duration = .seconds(1),
        prepare: @escaping @Sendable (inout Job) throws -> Void
    ) {
        self.backend = backend
        self.prepare = prepare
        self.keepsStreamsApart = keepsStreamsApart
        self.grace = grace
    }

    /// A job of a run that no store knows.
    package func job(_ command: String, output: OutputHandling, variables: [String: String] = [:]) throws -> Job {
        let runID = (randomName() + randomName()).prefix(32).lowercased()
        let run = RunInfo(
            runID: runID, runName: "conformance", experimentID: "0", userID: "tester", status: .running,
            startTime: currentTimeMilliseconds(), artifactURI: "mlflow-artifacts:/0/\(runID)/artifacts")
        var job = Job(
            run: run, projectName: "conformance", entryPoint: "main", command: command, workingDirectory: "/",
            environment: processEnvironment().merging(variables) { _, new in new },
            ownVariables: variables.merging(["MLFLOW_RUN_ID": runID]) { _, new in new }, output: output)
        job.environment["MLFLOW_RUN_ID"] = runID
        try prepare(&job)
        return job
    }

    private func run(
        _ command: String, variables: [String: String] = [:]
    ) async throws -> (end: JobEnd, output: CollectedOutput) {
        let output = CollectedOutput()
        let submitted = try await backend.submit(job(command, output: output.handling, variables: variables))
        let end = await submitted.wait()
        await submitted.settle()
        return (end, output)
    }

    private func text(_ output: CollectedOutput) -> String {
        keepsStreamsApart ? output.text() : output.text(.standardOutput) + output.text(.standardError)
    }

    /// Exit codes arrive as they are.
    package func checkExitCodes(_ codes: [Int32] = [0, 1, 7, 42]) async throws -> [String] {
        var broken = Promises()
        for code in codes {
            let (end, _) = try await run("exit \(code)")
            guard case .ended(let process) = end else {
                broken.unless(false, "exit \(code) is an end, but was \(end)")
                continue
            }
            broken.unless(
                process.termination == .exited(code: code), "exit \(code) arrives, but was \(process.termination)")
            broken.unless(process.isSuccess == (code == 0), "only exit code 0 is a success")
        }
        return broken.texts
    }

    /// The command's text reaches the shell unread by anything else, and so do variables.
    package func checkCommandText() async throws -> [String] {
        var broken = Promises()
        let value = "a b;c|d&e$(id)`id`\"f\"'g'*~!#\\h\u{e9}"
        let quoted =
            "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
        var result = try await run(
            "printf '%s\\n' \(quoted) && printf '%s' \"$KIT_VALUE\" | cat", variables: ["KIT_VALUE": value])
        let expected = "\(value)\n\(value)"
        broken.unless(
            text(result.output) == expected, "text arrives unchanged, but was \(text(result.output).debugDescription)")
        result = try await run("false || printf '%s' \"$MLFLOW_RUN_ID\" | wc -c | tr -d ' \\n'")
        broken.unless(text(result.output) == "32", "the job's own variables are set and the shell's operators work")
        return broken.texts
    }

    /// Every byte arrives before `wait()` returns, each stream in order.
    package func checkOutput(lines: Int = 20_000) async throws -> [String] {
        var broken = Promises()
        let command =
            "i=0; while [ $i -lt \(lines) ]; do echo line $i; i=$((i+1)); done; printf 'err\\n' >&2; printf 'no end of line'"
        let (end, output) = try await run(command)
        let written = (0..<lines).map { "line \($0)\n" }.joined() + "no end of line"
        broken.unless(end.isSuccess, "the writer succeeds, but was \(end)")
        if keepsStreamsApart {
            broken.unless(
                output.text(.standardError) == "err\n",
                "standard error arrives apart, but was \(output.text(.standardError).debugDescription)")
        }
        let expected =
            keepsStreamsApart ? written : written.replacingLast("no end of line", with: "err\nno end of line")
        let arrived = text(output)
        let same = zip(arrived.utf8, expected.utf8).prefix { $0 == $1 }.count
        broken.unless(
            arrived == expected,
            "all \(expected.utf8.count) bytes arrive in order, but of \(arrived.utf8.count) only the first \(same) are right"
        )
        if keepsStreamsApart {
            let binary = try await run("printf 'a\\000\\001\\377\\r\\n\\033[0mz'").output.bytes()
            broken.unless(
                binary == [0x61, 0, 1, 0xFF, 0x0D, 0x0A, 0x1B, 0x5B, 0x30, 0x6D, 0x7A],
                "bytes are not changed, but were \(binary)")
        }
        return broken.texts
    }

    /// A command that obeys TERM ends with its grace unused; one that does not is ended after it.
    package func checkCancellation() async throws -> [String] {
        var broken = Promises()
        for (kind, command) in [
            ("obeys", "trap 'echo asked; exit 9' TERM; echo ready; while :; do sleep 0.1; done"),
            ("ignores TERM", "trap '' TERM; echo ready; while :; do sleep 0.1; done"),
        ] {
            let ready = Signal("ready")
            let output = CollectedOutput()
            let job = try job(
                command,
                output: OutputHandling { stream, bytes in
                    output.append(bytes, from: stream)
                    ready.see(bytes)
                })
            let submitted = try await backend.submit(job)
            await ready.wait()
            await submitted.cancel(grace: kind == "obeys" ? .seconds(1000) : grace)
            let end = await submitted.wait()
            broken.unless(
                !end.isSuccess, "a command that \(kind) has not succeeded when it was stopped, but was \(end)")
            if kind == "obeys" {
                broken.unless(text(output).contains("asked"), "a command is asked to end before it is made to")
            }
        }
        return broken.texts
    }

    /// `kill()` does not ask, and cancelling the task that waits ends nothing.
    package func checkKillAndWaiting() async throws -> [String] {
        var broken = Promises()
        let ready = Signal("ready")
        let output = CollectedOutput()
        let job = try job(
            "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done",
            output: OutputHandling { stream, bytes in
                output.append(bytes, from: stream)
                ready.see(bytes)
            })
        let submitted = try await backend.submit(job)
        await ready.wait()
        let waiting = Task { await submitted.wait() }
        waiting.cancel()
        await submitted.kill()
        let end = await waiting.value
        broken.unless(!end.isSuccess, "a killed command has not succeeded, but was \(end)")
        broken.unless(!text(output).contains("asked"), "a killed command is not asked")
        broken.unless(await submitted.wait() == end, "every wait tells the same end")
        return broken.texts
    }

    /// Jobs do not know of each other.
    package func checkManyAtOnce(count: Int = 6) async throws -> [String] {
        try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<count {
                group.addTask {
                    let (end, output) = try await run("echo job \(number); exit \(number)")
                    let isRight = end.exitCode == Int32(number) && text(output) == "job \(number)\n"
                    return isRight
                        ? nil : "job \(number) of \(count) ended with \(end) and wrote \(text(output).debugDescription)"
                }
            }
            return try await group.reduce(into: []) { broken, text in if let text { broken.append(text) } }
        }
    }

    /// A job nobody has submitted is not found.
    package func checkUnknownJob() async throws -> [String] {
        let answer = try await backend.reattach(job("true", output: .discarded), handle: nil)
        switch answer {
        case .neverSubmitted, .gone: return []
        case .running, .ended: return ["a job that was never submitted neither runs nor has ended"]
        }
    }
}

extension JobEnd {
    package var isSuccess: Bool { if case .ended(let end) = self { end.isSuccess } else { false } }

    /// The exit code, also of a failure that the backend explains.
    package var exitCode: Int32? {
        let end: ProcessEnd? =
            switch self {
            case .ended(let end): end
            case .failed(_, _, let end): end
            case .lost: nil
            }
        if case .exited(let code)? = end?.termination { return code }
        return nil
    }
}

/// A text that is awaited in what a command writes.
package final class Signal: Sendable {
    private let text: [UInt8]
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let seen = CollectedOutput()

    package init(_ text: String) {
        self.text = Array(text.utf8)
        (stream, continuation) = AsyncStream.makeStream()
    }

    package func see(_ bytes: RawSpan) {
        seen.append(bytes, from: .standardOutput)
        if seen.text().contains(String(decoding: text, as: UTF8.self)) { continuation.finish() }
    }

    /// Returns when the text was seen.
    package func wait() async {
        for await _ in stream {}
    }
}

extension String {
    fileprivate func replacingLast(_ text: String, with new: String) -> String {
        hasSuffix(text) ? String(dropLast(text.count)) + new : self
    }
}
