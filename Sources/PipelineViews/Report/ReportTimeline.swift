import Scheduling
import Tracking

/// When what ran: one line for each node, or for each place in which the cells of a large fan-out ran one after the other.
struct ReportTimeline {
    /// A fan-out with more cells than this is drawn by places.
    private static let cellsLimit = 24
    private static let linesLimit = 200
    private static let placesLimit = 32
    private static let nameWidth = 230.0
    private static let width = 1100.0
    private static let lineHeight = 20.0

    private struct Bar {
        /// Milliseconds; a double, because what comes from outside may be anything.
        var queued: Double
        var start: Double
        var end: Double
        var state: NodeState
        var name: String
        var number: Int
    }

    private struct Line {
        var name: String
        var bars: [Bar]
        var isPacked = false
    }

    private let record: PipelineRecord
    private let start: Double
    private let end: Double
    private var lines: [Line] = []
    private var hidden = 0

    init(_ record: PipelineRecord) {
        self.record = record
        let whole = Double(record.run.info.startTime)
        var latest = max(whole + 1, Double(record.time))
        var bars = record.steps.map { step in
            step.nodes.map { node in
                node.attempts.enumerated().map { index, run in
                    let start = max(whole, Double(run.info.startTime))
                    let end = max(start, run.info.endTime.map { Double($0) } ?? Double(record.time))
                    let queue = run.data.metric(CostMetric.queueSeconds)?.value ?? 0
                    let queued = queue.isFinite && queue > 0 ? max(whole, start - queue * 1000) : start
                    return Bar(
                        queued: queued, start: start, end: end, state: PipelineRecord.state(of: run), name: node.id,
                        number: index + 1)
                }
            }
        }
        for step in bars { for node in step { for bar in node { latest = max(latest, bar.end) } } }
        // A clock that was wrong once must not press everything else into nothing.
        if record.state.isTerminal { latest = min(latest, max(whole + 1, Double(record.time) + 60_000)) }
        start = whole
        end = latest
        var singles = 0
        for (index, step) in record.steps.enumerated() where step.nodes.count <= Self.cellsLimit {
            singles += bars[index].count
        }
        if singles > Self.linesLimit {
            let all = bars.flatMap { $0.flatMap { $0 } }
            bars = []
            pack(all, "\(record.steps.count) steps")
        }
        for (step, nodes) in zip(record.steps, bars) {
            if nodes.count > Self.cellsLimit {
                pack(nodes.flatMap { $0 }, "\(step.name) ×\(nodes.count)")
            } else {
                for (node, attempts) in zip(step.nodes, nodes) where !attempts.isEmpty {
                    lines.append(Line(name: node.id, bars: attempts))
                }
            }
        }
        if lines.count > Self.linesLimit {
            hidden += lines.count - Self.linesLimit
            lines.removeLast(lines.count - Self.linesLimit)
        }
    }

    /// Puts bars into as few lines as they need, as they came.
    private mutating func pack(_ bars: [Bar], _ name: String) {
        var places: [Line] = []
        var ends: [Double] = []
        for bar in bars.sorted(by: { ($0.start, $0.name) < ($1.start, $1.name) }) {
            var bar = bar
            bar.queued = bar.start
            if let place = ends.firstIndex(where: { $0 <= bar.start }) {
                places[place].bars.append(bar)
                ends[place] = bar.end
            } else if places.count < Self.placesLimit {
                places.append(Line(name: places.isEmpty ? name : "", bars: [bar], isPacked: true))
                ends.append(bar.end)
            } else {
                hidden += 1
            }
        }
        lines += places
    }

    // MARK: Drawing

    private func x(_ time: Double) -> Double {
        let part = (time - start) / (end - start)
        return Self.nameWidth + min(max(part, 0), 1) * (Self.width - Self.nameWidth - 16)
    }

    func write(to page: inout HTMLWriter) {
        let height = Double(lines.count) * Self.lineHeight + 34
        page.markup("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline of the steps\">")
        page.markup("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"Timeline\" width=\"")
        page.number(Self.width)
        page.markup("\" height=\"")
        page.number(height)
        page.markup("\" viewBox=\"0 0 ")
        page.number(Self.width)
        page.markup(" ")
        page.number(height)
        page.markup("\">\n")
        for time in ticks {
            let place = x(start + time)
            page.markup("<line class=\"t-line\" y1=\"6\" x1=\"")
            page.number(place)
            page.markup("\" x2=\"")
            page.number(place)
            page.markup("\" y2=\"")
            page.number(height - 22)
            page.markup("\"/><text class=\"t-tick\" text-anchor=\"middle\" x=\"")
            page.number(place)
            page.markup("\" y=\"")
            page.number(height - 7)
            page.markup("\">")
            page.text(time == 0 ? "0" : elapsedText(Milliseconds(time)))
            page.markup("</text>\n")
        }
        for (index, line) in lines.enumerated() {
            let top = Double(index) * Self.lineHeight + 8
            if !line.name.isEmpty {
                page.markup("<text class=\"t-name\" text-anchor=\"end\" x=\"")
                page.number(Self.nameWidth - 10)
                page.markup("\" y=\"")
                page.number(top + 12)
                page.markup("\"><title>")
                page.text(line.name, limit: 300)
                page.markup("</title>")
                // What tells a step from others is the end of its name.
                page.text(line.name.count <= 28 ? line.name : "…\(line.name.suffix(27))", limit: 28)
                page.markup("</text>")
            }
            if line.isPacked {
                packed(line.bars, top, &page)
            } else {
                for (earlier, later) in zip(line.bars, line.bars.dropFirst()) { gap(earlier, later, top, &page) }
                for bar in line.bars { draw(bar, top, &page) }
            }
            page.markup("\n")
        }
        page.markup("</svg></div>\n")
        if hidden > 0 {
            page.markup("<p class=\"more\">")
            page.number(hidden)
            page.markup(" more are not drawn.</p>\n")
        }
    }

    private func rectangle(
        _ style: StaticString, from left: Double, to right: Double, _ top: Double, _ height: Double,
        _ page: inout HTMLWriter
    ) {
        page.markup("<rect class=\"t-")
        page.markup(style)
        page.markup("\" x=\"")
        page.number(left)
        page.markup("\" y=\"")
        page.number(top)
        page.markup("\" width=\"")
        page.number(max(1.5, right - left))
        page.markup("\" height=\"")
        page.number(height)
        page.markup("\" rx=\"2\">")
    }

    /// Between two attempts.
    private func gap(_ earlier: Bar, _ later: Bar, _ top: Double, _ page: inout HTMLWriter) {
        page.markup("<path class=\"t-gap\" d=\"M")
        page.number(x(earlier.end))
        page.markup(" ")
        page.number(top + 7.5)
        page.markup("H")
        page.number(x(later.queued))
        page.markup("\"/>")
    }

    private func draw(_ bar: Bar, _ top: Double, _ page: inout HTMLWriter) {
        if x(bar.start) - x(bar.queued) >= 1 {
            rectangle("wait", from: x(bar.queued), to: x(bar.start), top + 6, 3, &page)
            page.markup("<title>waited ")
            page.text(elapsedText(seconds: (bar.start - bar.queued) / 1000))
            page.markup("</title></rect>")
        }
        rectangle(bar.state.style, from: x(bar.start), to: x(bar.end), top + 1, 13, &page)
        page.markup("<title>")
        page.text(bar.name, limit: 300)
        if bar.number > 1 { page.text(" attempt \(bar.number)") }
        page.text(" \(bar.state.rawValue), \(elapsedText(seconds: (bar.end - bar.start) / 1000))")
        page.markup("</title></rect>")
    }

    /// Bars too narrow to be told apart become one, so that a line has no more of them than it has points.
    private func packed(_ bars: [Bar], _ top: Double, _ page: inout HTMLWriter) {
        var next = 0
        while next < bars.count {
            let first = bars[next]
            var last = next
            var style = first.state
            while last + 1 < bars.count, x(bars[last + 1].end) - x(first.start) < 2 {
                last += 1
                if bars[last].state == .failed { style = .failed }
            }
            if last == next {
                draw(first, top, &page)
            } else {
                rectangle(style.style, from: x(first.start), to: x(bars[last].end), top + 1, 13, &page)
                page.markup("<title>")
                page.number(last - next + 1)
                page.markup(" cells</title></rect>")
            }
            next = last + 1
        }
    }

    /// Round times, in milliseconds from the start, of which about six fit.
    private var ticks: [Double] {
        let span = end - start
        let steps: [Double] = [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3,
            1.8e6,
            3.6e6, 7.2e6, 10.8e6, 21.6e6, 43.2e6, 86.4e6, 172.8e6, 604.8e6,
        ]
        let step = steps.first { span / $0 <= 7 } ?? span / 7
        return (0...7).map { Double($0) * step }.filter { $0 <= span }
    }
}
