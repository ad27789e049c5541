import Diagnostics
import Execution
import Files
import Pipelines
import Processes
import Synchronization
import SystemPackage
import Tracking

/// What happens between the end of a command and the record of it: outputs are looked for and kept, promises are checked.
///
/// A step that promised an output and did not deliver has failed, whatever its exit code says: half a result never feeds the next step.
final class AttemptEnding: Sendable {
    private let attempt: StepAttempt
    private let artifacts: any RunArtifacts
    private let control: StepControl
    private let store: (@Sendable () async throws -> any TrackingStore)
    private let startTime: Milliseconds
    private let kept = Mutex<[String: OutputValue]>([:])

    init(
        _ attempt: StepAttempt, artifacts: any RunArtifacts, control: StepControl,
        store: @escaping @Sendable () async throws -> any TrackingStore
    ) {
        self.attempt = attempt
        self.artifacts = artifacts
        self.control = control
        self.store = store
        startTime = attempt.startTime ?? currentTimeMilliseconds()
    }

    var outputs: [String: OutputValue] { kept.withLock { $0 } }

    /// The outcome as it is recorded.
    func conclude(_ run: RunInfo, _ outcome: RunOutcome, _ projectFolder: FilePath) async -> RunOutcome {
        var outcome = outcome
        if outcome.isSuccess {
            do throws(NodeFailure) {
                var outputs = try smallValues()
                // A declared output may also be a small value.
                for output in attempt.resolved.outputs where outputs[output.name] == nil {
                    outputs[output.name] = await digested(try await keep(output, of: run, projectFolder), of: run)
                }
                try await checkMetrics(of: run)
                outcome.additionalTags += outputTags(outputs)
                kept.withLock { [outputs] in $0 = outputs }
            } catch {
                let additional = outcome.additionalTags
                outcome = RunOutcome(status: .failed, kind: error.reason, reason: error.message, end: outcome.end)
                outcome.additionalTags = additional
            }
        } else if control.cause == .timeout {
            outcome.status = .failed
            outcome.kind = .timeout
            outcome.reason = "it took longer than its timeout"
        } else if control.cause == .pruned {
            outcome.additionalTags.append(Tag(NodeTag.pruned, "true"))
        }
        outcome.additionalTags.append(Tag(NodeTag.state, state(of: outcome).rawValue))
        outcome.metrics = costs(of: outcome)
        if outcome.isSuccess { attempt.report(.finishing) }
        return outcome
    }

    private func state(of outcome: RunOutcome) -> NodeState {
        switch outcome.status {
        case .finished: .succeeded
        case .killed: control.cause == .pruned ? .pruned : .cancelled
        case .failed, .running, .scheduled: .failed
        }
    }

    // MARK: Outputs

    private func keep(_ output: NamedText, of run: RunInfo, _ projectFolder: FilePath) async throws(NodeFailure)
        -> OutputValue
    {
        do {
            var path = output.value
            while path.hasSuffix("/") { path.removeLast() }
            if path.hasPrefix("./") {
                path = String(path.dropFirst(2))
                let local = projectFolder.appending(path)
                guard let status = fileStatus(local) else {
                    throw NodeFailure(
                        .missingOutput, "the output '\(output.name)' is missing: there is no '\(output.value)'")
                }
                // Clocks of file systems tick coarsely; a second is allowed for it.
                guard newestChange(in: local, status) >= startTime - 1_000 else {
                    throw NodeFailure(
                        .missingOutput,
                        "the output '\(output.name)' is missing: '\(output.value)' is older than the attempt")
                }
                let digest = try await artifacts.keep(local, as: path, of: run, mayMove: false)
                return .artifact(path: path, digest: digest)
            }
            if let place = attempt.places[output.name], fileStatus(place) != nil {
                let digest = try await artifacts.keep(place, as: path, of: run, mayMove: true)
                return .artifact(path: path, digest: digest)
            }
            guard try await artifacts.exists(path, of: run) else {
                let isInProject = fileStatus(projectFolder.appending(path)) != nil
                throw NodeFailure(
                    .missingOutput,
                    "the output '\(output.name)' is missing: the step logged no artifact '\(path)' and wrote nothing to "
                        + "${{ outputs.\(output.name) }}"
                        + (isInProject ? "; if the project's own '\(path)' is meant, say './\(path)'" : ""))
            }
            return .artifact(path: path, digest: nil)
        } catch let failure as NodeFailure {
            throw failure
        } catch {
            throw NodeFailure(.missingOutput, "the output '\(output.name)' could not be kept: \(messages(of: error))")
        }
    }

    /// The output with the digest of its content, by which later steps are known to be the same work.
    private func digested(_ output: OutputValue, of run: RunInfo) async -> OutputValue {
        guard case .artifact(let path, nil) = output else { return output }
        do {
            return .artifact(path: path, digest: try await artifacts.digest(path, of: run))
        } catch {
            attempt.report(.warning("the digest of '\(path)' cannot be computed: \(messages(of: error))"))
            return output
        }
    }

    /// When the file, or the newest thing directly in the folder, was changed, in milliseconds.
    private func newestChange(in path: FilePath, _ status: FileStatus) -> Milliseconds {
        var newest = status.modified
        if status.kind == .directory, let folder = try? Directory(opening: path), let entries = try? folder.list() {
            for entry in entries { newest = max(newest, entry.status.modified) }
        }
        // File systems tell nanoseconds.
        return newest / 1_000_000
    }

    /// The largest file of small values.
    static let outputFileLimit = 1 << 20

    /// The lines `name=value` of `$SWIFTFLOW_OUTPUT`; a later line replaces an earlier one.
    private func smallValues() throws(NodeFailure) -> [String: OutputValue] {
        guard let status = fileStatus(attempt.outputFile) else { return [:] }
        guard status.size <= Self.outputFileLimit else {
            throw NodeFailure(
                .missingOutput,
                "it wrote \(status.size) bytes to $SWIFTFLOW_OUTPUT, and \(Self.outputFileLimit) are allowed; log large values as artifacts"
            )
        }
        let bytes: [UInt8]
        do {
            bytes = try readFile(attempt.outputFile, limit: Self.outputFileLimit)
        } catch {
            throw NodeFailure(.missingOutput, "$SWIFTFLOW_OUTPUT cannot be read: \(messages(of: error))")
        }
        return try parseSmallValues(bytes)
    }

    // MARK: Metrics

    private func checkMetrics(of run: RunInfo) async throws(NodeFailure) {
        let promised = attempt.resolved.metrics
        guard !promised.isEmpty else { return }
        let logged: [Metric]
        do {
            logged = try await store().run(id: run.runID).data.metrics
        } catch {
            throw NodeFailure(.missingMetric, "its metrics cannot be read: \(messages(of: error))")
        }
        let missing = promised.filter { name in !logged.contains { $0.key == name } }
        guard !missing.isEmpty else { return }
        throw NodeFailure(
            .missingMetric,
            "it promised \(missing.map { "the metric '\($0)'" }.joined(separator: ", ")) and did not log it")
    }

    /// What the step cost, as metrics that a table of runs can show.
    private func costs(of outcome: RunOutcome) -> [Metric] {
        guard let end = outcome.end else { return [] }
        let now = currentTimeMilliseconds()
        func seconds(_ duration: Duration) -> Double { Double(duration.milliseconds) / 1000 }
        var metrics = [
            Metric(CostMetric.wallSeconds, seconds(end.wallTime), timestamp: now),
            Metric(CostMetric.queueSeconds, Double(max(0, startTime - attempt.readySince)) / 1000, timestamp: now),
        ]
        if let usage = end.usage {
            metrics.append(Metric(CostMetric.processorSeconds, seconds(usage.processorTime), timestamp: now))
            metrics.append(Metric(CostMetric.peakMegabytes, Double(usage.peakMemory) / 1_048_576, timestamp: now))
        }
        return metrics
    }
}

/// Reads the lines `name=value` that a step wrote; empty lines are passed over.
///
/// - Throws: for a line without a name, a name that is none, or a value that is no text or too long for a tag.
func parseSmallValues(_ bytes: [UInt8]) throws(NodeFailure) -> [String: OutputValue] {
    var values: [String: OutputValue] = [:]
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
        guard !line.isEmpty else { continue }
        func wrong(_ what: String) -> NodeFailure {
            NodeFailure(.missingOutput, "line \(index + 1) of $SWIFTFLOW_OUTPUT \(what)")
        }
        guard let text = String(validating: line, as: UTF8.self) else { throw wrong("is no UTF-8 text") }
        guard let equals = text.firstIndex(of: "=") else { throw wrong("is not of the form name=value") }
        let name = String(text[..<equals])
        guard isOutputName(name) else { throw wrong("has no valid name before '='") }
        let value = String(text[text.index(after: equals)...])
        guard value.unicodeScalars.count <= Limits.tagValueLength else {
            throw wrong("has a value longer than \(Limits.tagValueLength) characters; log it as an artifact")
        }
        guard !value.unicodeScalars.contains("\0") else { throw wrong("has a NUL character") }
        values[name] = .text(value)
    }
    return values
}

private func isOutputName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 100 else { return false }
    let isLetter = { (byte: UInt8) in (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F }
    return isLetter(first)
        && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E }
}
