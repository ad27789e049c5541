import KubernetesBackend
import Testing

/// Reads pieces of a log over one or more connections.
private struct Reading {
    var reader = PodLogReader()
    var text: [UInt8] = []

    mutating func append(_ piece: some Sequence<UInt8>) {
        unsafe reader.append(Array(piece).span.bytes) { text += $0 }
    }

    mutating func finish() { reader.finish { text += $0 } }

    var result: String { String(decoding: text, as: UTF8.self) }
}

private func line(_ second: Int, _ nanosecond: String, _ text: String) -> String {
    "2026-11-21T12:36:\(second < 10 ? "0" : "")\(second).\(nanosecond)Z \(text)\n"
}

@Suite struct PodLogTests {
    @Test(arguments: [1, 2, 3, 7, 1000]) func `lines come without their times, however the bytes are cut`(size: Int) {
        let log = Array((line(0, "1", "one") + line(0, "2", "") + line(1, "3", "2026-11-21T12:36:00Z two")).utf8)
        var reading = Reading()
        for start in stride(from: 0, to: log.count, by: size) {
            reading.append(log[start..<min(start + size, log.count)])
        }
        reading.append("2026-11-21T12:36:09Z no end".utf8)
        reading.finish()
        #expect(reading.result == "one\n\n2026-11-21T12:36:00Z two\nno end")
    }

    /// What a cluster answers that is asked for everything since a second.
    private func served(_ lines: [String], since: String?) -> String {
        lines.filter { line in since.map { String(line.prefix(19)) >= $0.prefix(19) } ?? true }.joined()
    }

    @Test(arguments: 0...400)
    func `K-08 a lost connection loses nothing and repeats nothing, wherever it is cut`(cut: Int) {
        // Several lines in one second, equal lines, equal times, and two streams whose times are not quite in order.
        let lines = [
            line(1, "1", "a"), line(1, "5", "b"), line(1, "3", "c"), line(2, "1", "same"), line(2, "1", "same"),
            line(2, "9", "d"), line(4, "1", "e"), line(3, "9", "late"), line(4, "2", "f"),
        ]
        var reading = Reading()
        let first = Array(served(lines, since: nil).utf8)
        reading.append(first.prefix(cut))
        for again in [cut / 2, 10_000] {
            let since = reading.reader.since
            reading.reader.reconnect()
            reading.append(Array(served(lines, since: since).utf8).prefix(again))
        }
        reading.finish()
        #expect(reading.result == "a\nb\nc\nsame\nsame\nd\ne\nlate\nf\n")
    }

    @Test func `the pieces of a long line are joined again`() {
        let piece = String(repeating: "x", count: 16_384)
        let stamp = "2026-11-21T12:36:01.057807078Z "
        var reading = Reading()
        reading.append("\(stamp)\(piece)\(stamp)\(piece)\(stamp)end\n".utf8)
        #expect(reading.result == piece + piece + "end\n")
    }

    @Test func `a node's own words are kept apart, and its time zone is understood`() {
        var reading = Reading()
        reading.append("unable to retrieve container logs\n2026-11-21T12:36:01.05+02:00 x\n".utf8)
        #expect(reading.result == "x\n")
        #expect(reading.reader.words == "unable to retrieve container logs")
        #expect(reading.reader.since == "2026-11-21T10:35:59Z")
    }

    /// The end of a log: what the command wrote last, and what is given away of it.
    @Test(
        arguments: [
            (["one\n", "MARK\n"], "one\n"), (["no endMARK\n"], "no end"), (["MARK\n"], ""), (["MARK"], ""),
            (["a MARK in between\n", "MARK\n", "later\n"], "a MARK in between\n"),
            ([String(repeating: "x", count: 16_382) + "MA", "RK\n"], String(repeating: "x", count: 16_382)),
        ])
    func `the mark tells that a log is whole, and is not part of it`(pieces: [String], text: String) {
        var reading = Reading(reader: PodLogReader(endMark: "MARK"))
        for piece in pieces {
            #expect(!reading.reader.isComplete || piece == "later\n")
            reading.append("2026-11-21T12:36:01.057807078Z \(piece)".utf8)
        }
        reading.finish()
        #expect(reading.reader.isComplete)
        #expect(reading.result == text)
    }

    @Test func `a log without its mark is not whole, however often it is read`() {
        var reading = Reading(reader: PodLogReader(endMark: "MARK"))
        for _ in 0..<3 {
            reading.append(line(1, "1", "one").utf8)
            #expect(!reading.reader.isComplete)
            reading.reader.reconnect()
        }
        reading.append((line(1, "1", "one") + line(2, "1", "two") + line(2, "1", "MARK")).utf8)
        #expect(reading.reader.isComplete)
        #expect(reading.result == "one\ntwo\n")
    }

    /// Longer than what is held of a line; older nodes write the time before every piece of it.
    @Test(arguments: [true, false]) func `a line of many megabytes arrives whole`(isInPieces: Bool) {
        let stamp = Array("2026-11-21T12:36:01.057807078Z ".utf8)
        let block = (0..<10_000).map { "\($0) " }.joined().utf8
        var line: [UInt8] = []
        while line.count < 18 << 20 { line += block }
        var log = isInPieces ? [] : stamp
        var start = 0
        while start < line.count {
            let end = min(start + 16_384, line.count)
            if isInPieces { log += stamp }
            log += line[start..<end]
            start = end
        }
        log += Array("MARK\n".utf8)
        var reading = Reading(reader: PodLogReader(endMark: "MARK"))
        for start in stride(from: 0, to: log.count, by: 600_000) {
            reading.append(log[start..<min(start + 600_000, log.count)])
        }
        reading.append("2026-11-21T12:36:02Z more\n".utf8)
        #expect(reading.reader.isComplete)
        // Not as an expectation on both, which would print them.
        let isSame = reading.text == line
        #expect(isSame)
    }

    @Test func `a log that was rotated away while the connection was lost goes on with what is left`() {
        var reading = Reading()
        reading.append((line(1, "1", "a") + line(1, "2", "b")).utf8)
        reading.reader.reconnect()
        reading.append((line(7, "1", "c") + line(7, "2", "d")).utf8)
        #expect(reading.result == "a\nb\nc\nd\n")
    }
}
