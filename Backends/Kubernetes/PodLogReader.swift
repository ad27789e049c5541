/// Reads a container's log as the cluster sends it, each line with its time, and gives away the lines without it.
///
/// A connection that breaks is taken up again without loss or repetition: the cluster can be asked for the lines since a whole second, and
/// of those the ones that were given away already are the first so many. Only whole lines are given away, because half a line could not be
/// recognised again.
package struct PodLogReader: Sendable {
    /// A line that is longer is given away in parts.
    private static let longestHeldLine = 16 << 20
    /// Engines keep long lines in pieces of this size.
    private static let pieceSize = 16_384

    private var held: [UInt8] = []
    /// Up to where `held` is known to have no line's end.
    private var searched = 0
    /// Whether `held` goes on with a line whose beginning was given away, and if so whether the line is a new one.
    private var openLine: Bool?
    /// How many lines of each of the latest seconds were given away, the latest last; by UTC, since 1970.
    private var counts: [(second: Int64, lines: Int)] = []
    /// How many lines of a new connection are known.
    private var rest = 0
    /// Times are not quite in order where a container's two streams meet; so much is asked for once more.
    private static let overlap: Int64 = 2

    private let endMark: [UInt8]?
    /// The mark was read: this is all there ever was.
    package private(set) var isComplete = false
    /// What came without a time: the node's own words, such as about a log that it cannot find.
    package private(set) var words = ""

    /// - Parameter endMark: what the container writes after its last byte; nil if it does not.
    package init(endMark: String? = nil) {
        self.endMark = endMark.map { Array($0.utf8) }
    }

    /// From when on the log has to be asked for to go on, such as `2026-11-21T12:36:01Z`; nil for the beginning.
    package var since: String? { counts.last.map { timeText($0.second - Self.overlap) } }

    /// How many lines were read, as far as it matters to tell whether there were more.
    var lineCount: Int { counts.reduce(0) { $0 + $1.lines } }

    /// The connection was lost, and a new one begins with the lines of ``since``.
    package mutating func reconnect() {
        // Half a line of the container's begins with half a time.
        if openLine == nil, let first = held.first, !Self.isDigit(first) { note(held[...]) }
        held = []
        searched = 0
        openLine = nil
        rest = counts.reduce(0) { $0 + $1.lines }
    }

    /// Takes bytes as they come.
    package mutating func append(_ bytes: RawSpan, deliver: (ArraySlice<UInt8>) -> Void) {
        unsafe bytes.withUnsafeBytes { unsafe held.append(contentsOf: $0) }
        var start = 0
        while let end = held[max(start, searched)...].firstIndex(of: UInt8(ascii: "\n")) {
            take(held[start...end], deliver)
            openLine = nil
            start = end + 1
            searched = start
        }
        held.removeFirst(start)
        searched = held.count
        if held.count > Self.longestHeldLine { giveAwayBeginning(deliver) }
    }

    /// The log has ended: what is left is a line without an end.
    package mutating func finish(deliver: (ArraySlice<UInt8>) -> Void) {
        if !held.isEmpty { take(held[...], deliver) }
        held = []
        searched = 0
        openLine = nil
    }

    /// A line that is too long to be held is given away as far as it can be told what belongs to it.
    private mutating func giveAwayBeginning(_ deliver: (ArraySlice<UInt8>) -> Void) {
        let line = held[...]
        guard let pieces = pieces(of: line), let last = pieces.ranges.last else {
            held = []
            searched = 0
            return
        }
        if openLine == nil { openLine = isNew(pieces.second) }
        if openLine == true { for piece in pieces.ranges.dropLast() { deliver(line[piece]) } }
        // The last piece may go on, or be followed by a time, or by the mark.
        let kept = pieces.ranges.count > 1 ? pieces.lastStart : max(last.lowerBound, last.upperBound - Self.pieceSize)
        if pieces.ranges.count == 1, openLine == true { deliver(line[last.lowerBound..<kept]) }
        held.removeFirst(kept)
        searched = held.count
    }

    /// Keeps the node's own words, which it may repeat whenever it is asked.
    private mutating func note(_ line: ArraySlice<UInt8>) {
        let text = String(decoding: line.last == UInt8(ascii: "\n") ? line.dropLast() : line, as: UTF8.self)
        guard words.utf8.count < 1000, !words.contains(text) else { return }
        words += words.isEmpty ? text : "; \(text)"
    }

    /// Where the text of a line stands between the times.
    private struct Pieces {
        var ranges: [Range<Int>]
        var second: Int64
        /// Where the last one begins, with its time.
        var lastStart: Int
    }

    /// - Returns: nil for a line that did not come from the container.
    private func pieces(of line: ArraySlice<UInt8>) -> Pieces? {
        let first = Self.stamp(at: line.startIndex, in: line)
        guard first != nil || openLine != nil else { return nil }
        var pieces = Pieces(ranges: [], second: first?.second ?? 0, lastStart: line.startIndex)
        var start = first?.end ?? line.startIndex
        // Older nodes write the time again before every piece of a long line.
        while line.endIndex - start > Self.pieceSize, let next = Self.stamp(at: start + Self.pieceSize, in: line) {
            pieces.ranges.append(start..<start + Self.pieceSize)
            pieces.lastStart = start + Self.pieceSize
            pieces.second = next.second
            start = next.end
        }
        pieces.ranges.append(start..<line.endIndex)
        return pieces
    }

    private mutating func take(_ line: ArraySlice<UInt8>, _ deliver: (ArraySlice<UInt8>) -> Void) {
        guard !isComplete else { return }
        guard let pieces = pieces(of: line) else {
            note(line)
            return
        }
        guard openLine ?? isNew(pieces.second) else { return }
        guard let endMark else {
            for piece in pieces.ranges { deliver(line[piece]) }
            return
        }
        // The mark may stand at the end of a line that the command did not end, and be cut as such a line is.
        let text = pieces.ranges.count == 1 ? line[pieces.ranges[0]] : pieces.ranges.flatMap { line[$0] }[...]
        guard let mark = text.start(ofEnding: endMark) else { return deliver(text) }
        isComplete = true
        if mark > text.startIndex { deliver(text[..<mark]) }
    }

    /// Whether a line of that second has not been given away yet; counts it then.
    private mutating func isNew(_ second: Int64) -> Bool {
        let latest = counts.last?.second ?? second
        if second > latest {
            rest = 0
        } else if rest > 0, second >= latest - Self.overlap {
            rest -= 1
            return false
        }
        if let index = counts.firstIndex(where: { $0.second == second }) {
            counts[index].lines += 1
        } else if second > latest || counts.isEmpty {
            counts.append((second, 1))
            counts.removeAll { $0.second < second - Self.overlap }
        } else if second >= latest - Self.overlap {
            counts.append((second, 1))
            counts.sort { $0.second < $1.second }
        }
        return true
    }

    private struct Stamp {
        /// Since 1970, by UTC.
        var second: Int64
        /// Behind the space that follows.
        var end: Int
    }

    /// `2026-11-21T12:36:01.057807078Z ` at this place.
    private static func stamp(at start: Int, in line: ArraySlice<UInt8>) -> Stamp? {
        let shape = Array("0000-00-00T00:00:00".utf8)
        guard line.endIndex - start > shape.count + 1 else { return nil }
        for (offset, expected) in shape.enumerated() {
            let byte = line[start + offset]
            guard expected == UInt8(ascii: "0") ? isDigit(byte) : byte == expected else { return nil }
        }
        var position = start + shape.count
        if line[position] == UInt8(ascii: ".") {
            position += 1
            while position < line.endIndex, isDigit(line[position]) { position += 1 }
        }
        let zone = position
        while position < line.endIndex, position - zone < 7, line[position] != UInt8(ascii: " ") {
            let byte = line[position]
            guard
                isDigit(byte)
                    || [UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":")].contains(byte)
            else { return nil }
            position += 1
        }
        guard position > zone, position < line.endIndex, line[position] == UInt8(ascii: " ") else { return nil }
        func number(_ offset: Int, _ count: Int) -> Int64 {
            line[start + offset..<start + offset + count].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        let second =
            daysSince1970(year: number(0, 4), month: number(5, 2), day: number(8, 2)) * 86_400
            + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2)
        return Stamp(second: second - offset(line[zone..<position]), end: position + 1)
    }

    /// `+02:00` in seconds.
    private static func offset(_ zone: ArraySlice<UInt8>) -> Int64 {
        let numbers = zone.split { !isDigit($0) }.compactMap { Int64(String(decoding: $0, as: UTF8.self)) }
        guard numbers.count == 2 else { return 0 }
        let seconds = numbers[0] * 3600 + numbers[1] * 60
        return zone.first == UInt8(ascii: "-") ? -seconds : seconds
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

extension ArraySlice<UInt8> {
    /// Where this text begins, if the line ends with it.
    fileprivate func start(ofEnding text: [UInt8]) -> Int? {
        let end = last == UInt8(ascii: "\n") ? endIndex - 1 : endIndex
        guard end - startIndex >= text.count, self[end - text.count..<end].elementsEqual(text) else { return nil }
        return end - text.count
    }
}
