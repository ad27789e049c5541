import Diagnostics
import Pipelines
import Scheduling
import Testing
import Tracking

@testable import PipelineViews

/// Texts that would do harm where they are taken for markup, or that hide what a reader sees.
private let hostileTexts = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><script>",
    "</svg></pre></style>", "a&lt;b", "--><!--", "\u{202E}gnp.exe", "\u{0}\u{1B}[31m", "]]>", "javascript:alert(1)",
    String(repeating: "w", count: 100_000),
]

struct ReportTests {
    @Test(arguments: hostileTexts) func `no text of a pipeline becomes markup`(text: String) {
        let record = makeRecord(text)
        let page = String(decoding: PipelineReport(record).html, as: UTF8.self)
        #expect(page.contains("Content-Security-Policy\" content=\"default-src 'none'"))
        #expect(tags(of: page) == tags(of: String(decoding: PipelineReport(makeRecord("plain")).html, as: UTF8.self)))
        for bad in ["<script", "<img", "onerror=\"", "\u{202E}", "\u{0}", "\u{1B}"] { #expect(!page.contains(bad)) }
        #expect(page.utf8.count < 3_000_000)
    }

    @Test func `it says how the pipeline ended, what failed and why, and which cell was best`() {
        let record = makeRecord("plain")
        let page = String(decoding: PipelineReport(record).html, as: UTF8.self)
        #expect(page.contains("✗ failed</span></h1>"))
        #expect(page.contains("★ best"))
        #expect(page.contains("the command ended with exit code 3"))
        #expect(page.contains("attempt 1: "))
        #expect(page.contains("0.73451"))
        #expect(page.contains("href=\"#cells-1\""))
        #expect(page.contains("not started"))
    }

    @Test(arguments: ["javascript:alert(1)", "file:///etc", nil, "data:text/html,x"])
    func `only servers are linked to`(address: String?) {
        var record = makeRecord("plain")
        record.serverURL = address
        #expect(!String(decoding: PipelineReport(record).html, as: UTF8.self).contains("href=\"\(address ?? "http")"))
        record.serverURL = "https://tracking.example.org"
        #expect(
            String(decoding: PipelineReport(record).html, as: UTF8.self)
                .contains("href=\"https://tracking.example.org/#/experiments/0/runs/"))
    }

    @Test func `ten thousand cells, and as many steps, give a page of bounded size`() {
        let cells = (0..<10_000).map { number in
            PipelineRecord.Node(
                id: "train[n=\(number)]", state: number == 9_999 ? .failed : .succeeded,
                cell: [NamedText("n", String(number))],
                attempts: [makeRun(number, status: number == 9_999 ? .failed : .finished, start: Int64(number) * 3)])
        }
        var record = makeRecord("plain")
        record.steps = [.init(name: "train", isFanOut: true, variables: ["n"], nodes: cells, state: .succeeded)]
        record.time = 100_000
        let wide = String(decoding: PipelineReport(record).html, as: UTF8.self)
        #expect(wide.utf8.count < 2_000_000)
        #expect(wide.contains("8000 more cells are left out"))
        // The one that failed is not among those that are left out.
        #expect(wide.contains(">9999<"))
        record.steps = cells.map { .init(name: $0.id, nodes: [$0], state: $0.state) }
        let long = String(decoding: PipelineReport(record).html, as: UTF8.self)
        #expect(long.utf8.count < 2_500_000)
        #expect(long.contains("8000 more steps are left out"))
    }

    @Test(arguments: [Int64.min, -1, 0, Int64.max]) func `times that make no sense break nothing`(time: Int64) {
        var record = makeRecord("plain")
        record.run.info.startTime = time
        record.steps[0].nodes[0].attempts[0].info.startTime = 0 &- time
        record.steps[0].nodes[0].attempts[0].info.endTime = time
        record.time = 0 &- time
        #expect(PipelineReport(record).html.count > 1000)
    }

    @Test(arguments: [
        (0, "1970-01-01 00:00:00"), (951_827_696_000, "2000-02-29 12:34:56"),
        (1_795_255_141_999, "2026-11-21 09:59:01"),
        (253_402_300_799_000, "9999-12-31 23:59:59"), (-1, ""),
    ]) func `times are told in UTC`(milliseconds: Int64, text: String) {
        #expect(utcText(milliseconds) == text)
    }

    @Test(arguments: [
        (0.734512345, "0.73451"), (3, "3"), (-12.5, "-12.5"), (123_456_789, "123460000"), (1e-7, "1e-07"),
        (.nan, "NaN"),
        (.infinity, "∞"), (0, "0"),
    ]) func `numbers are told as briefly as they can be`(number: Double, text: String) {
        #expect(numberText(number) == text)
    }

    @Test(arguments: [
        (0, "0 s"), (340, "340 ms"), (3_250, "3.2 s"), (245_000, "4m05s"), (7_380_000, "2h03m"), (273_600_000, "3d04h"),
    ])
    func `durations are told as people read them`(milliseconds: Int64, text: String) {
        #expect(elapsedText(milliseconds) == text)
    }

    @Test(arguments: [(640.0, "640 B"), (2_100_000_000, "2.1 GB"), (52_400_000, "52.4 MB"), (999_900, "1 MB")])
    func `memory is told in units of a thousand`(bytes: Double, text: String) {
        #expect(memoryText(bytes: bytes) == text)
    }
}

/// The names of all elements of a page, in order.
private func tags(of page: String) -> [String] {
    page.split(separator: "<").dropFirst().map { part in String(part.prefix { $0 != " " && $0 != ">" && $0 != "\n" }) }
}

private func makeRun(
    _ number: Int, status: RunStatus, start: Int64 = 1000, text: String = "plain", tags: [Tracking.Tag] = []
) -> Run {
    let digits = String(number)
    let id = String(repeating: "0", count: 32 - digits.count) + digits
    return Run(
        info: RunInfo(
            runID: id, runName: text, experimentID: "0", userID: text, status: status, startTime: start,
            endTime: status.isTerminal ? start + 40 : nil, artifactURI: "file:///x"),
        data: RunData(
            metrics: [
                Metric("rmse", 0.734512345, timestamp: 1), Metric("system/cpu_seconds", 0.5, timestamp: 1),
                Metric("system/queue_seconds", 0.2, timestamp: 1), Metric("system/max_rss_mb", 12, timestamp: 1),
            ], params: [Param("param", text)],
            tags: [Tag(WellKnownTag.failureReason, "the command ended with exit code 3 \(text)")] + tags))
}

private func makeRecord(_ text: String) -> PipelineRecord {
    let run = Run(
        info: RunInfo(
            runID: String(repeating: "f", count: 32), runName: text, experimentID: "0", userID: text, status: .failed,
            startTime: 900, endTime: 9000, artifactURI: "file:///x"),
        data: RunData(
            params: [Param(text, text)],
            tags: [
                Tag(NodeTag.pipeline, text), Tag(WellKnownTag.note, text), Tag(WellKnownTag.failureReason, text),
                Tag(WellKnownTag.sourceName, text), Tag(NodeTag.output("best"), text),
            ]))
    let best = makeRun(1, status: .finished, text: text)
    return PipelineRecord(
        run: run, experimentName: text, state: .failed,
        steps: [
            .init(
                name: text,
                nodes: [
                    .init(
                        id: text, state: .failed,
                        attempts: [
                            makeRun(3, status: .failed, start: 950, text: text),
                            makeRun(4, status: .failed, start: 2000, text: text),
                        ])
                ], state: .failed, reason: "the command ended with exit code 3 \(text)"),
            .init(
                name: text, isFanOut: true, variables: [text],
                group: makeRun(2, status: .finished, text: text, tags: [Tag(NodeTag.bestRun, best.info.runID)]),
                nodes: [
                    .init(id: text, state: .succeeded, cell: [NamedText(text, text)], attempts: [best]),
                    .init(id: text, state: .waiting, cell: [NamedText(text, text)]),
                ], state: .succeeded),
        ], definition: "name: \(text)\r\nsteps:\n\t# \(text)\n", time: 9000)
}
