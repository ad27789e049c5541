import Execution
import Files
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The log of a job that is followed again, against what the dead runner had kept of it.
@Suite struct KnownOutputTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// - Returns: what is passed on, and how often something was said to be missing.
    private func passedOn(
        kept: String?, log: String, pieces: Int, isOneStream: Bool = true
    ) throws -> (text: String, warnings: Int) {
        if let kept {
            try folder.directory.makeDirectory(RelativePath("logs"))
            try folder.directory.writeFile(RelativePath(RunLog.artifactPath), Array(kept.utf8))
        }
        let warnings = Mutex(0)
        let run = RunInfo(
            runID: "r", runName: "r", experimentID: "0", userID: "u", status: .running, startTime: 0, artifactURI: "")
        let output = CollectedOutput()
        let job = Job(
            run: run, projectName: nil, entryPoint: "main", command: "", workingDirectory: "/", environment: [:],
            output: .discarded, artifactFolder: folder.path
        ) { event in
            if case .warning = event { warnings.withLock { $0 += 1 } }
        }
        let receive = KnownOutput(of: job, isOneStream: isOneStream).skipping {
            output.append($0, from: .standardOutput)
        }
        var rest = Array(log.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            unsafe receive(piece.span.bytes)
            rest = rest.dropFirst(pieces)
        }
        return (output.text(), warnings.withLock { $0 })
    }

    private let whole = (0..<40).map { "line \($0)\n" }.joined()

    @Test(arguments: [1, 7, 100, 10_000])
    func `of a log that is whole, what was kept is not repeated`(pieces: Int) throws {
        #expect(try passedOn(kept: nil, log: whole, pieces: pieces).text == whole)
        for length in [0, 1, 50, whole.utf8.count] {
            let kept = String(whole.prefix(length))
            let (text, warnings) = try passedOn(kept: kept, log: whole, pieces: pieces)
            #expect(kept + text == whole && warnings == 0)
        }
    }

    @Test(arguments: [20, 100, 10_000])
    func `of a log that has lost its beginning, what was kept is not repeated, and nothing is missing`(pieces: Int)
        throws
    {
        let kept = String(whole.prefix(201))
        let (text, warnings) = try passedOn(
            kept: kept, log: (15..<40).map { "line \($0)\n" }.joined(), pieces: pieces)
        #expect(kept + text == whole && warnings == 0)
    }

    @Test(arguments: [20, 100, 10_000])
    func `what nobody has any more is told, in the log too`(pieces: Int) throws {
        let log = (30..<40).map { "line \($0)\n" }.joined()
        let (text, warnings) = try passedOn(kept: String(whole.prefix(70)), log: log, pieces: pieces)
        #expect(text == KnownOutput.gapMark + log && warnings == 1)
        let half = try passedOn(kept: "line 0\nlin", log: log, pieces: pieces)
        #expect(half.text == "\n" + KnownOutput.gapMark + log && half.warnings == 1)
    }

    @Test func `two streams may meet in another order, which is no loss`() throws {
        let found = try passedOn(kept: "out\nerr\nmore\n", log: "out\nmore\nerr\nnew\n", pieces: 4, isOneStream: false)
        #expect(found.text.hasSuffix("new\n") && found.warnings == 0)
        #expect(!found.text.contains(KnownOutput.gapMark))
    }
}
