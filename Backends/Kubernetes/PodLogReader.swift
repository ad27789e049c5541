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
    /// How many lines of each of the latest seconds were given away, the latest last; by UTC, since 1970.
    private var counts: [(second: Int64, lines: Int)] = []
    /// How many lines of a new connection are known.
    private var rest = 0
    /// Times are not quite in order where a container's two streams meet; so much is asked for once more.
    private static let overlap: Int64 = 2

    package init() {}

    /// From when on the log has to be asked for to go on, such as `2026-11-21T12:36:01Z`; nil for the beginning.
    package var since: String? { counts.last.map { timeText($0.second - Self.overlap) } }

    /// The connection was lost, and a new one begins with the lines of ``since``.
    package mutating func reconnect() {
        held = []
        searched = 0
        rest = counts.reduce(0) { $0 + $1.lines }
    }

    /// Takes bytes as they come.
    package mutating func append(_ bytes: RawSpan, deliver: (ArraySlice<UInt8>) -> Void) {
        unsafe bytes.withUnsafeBytes { unsafe held.append(contentsOf: $0) }
        var start = 0
        while let end = held[max(start, searched)...].firstIndex(of: UInt8(ascii: "\n")) {
            take(held[start...end], deliver)
            start = end + 1
            searched = start
        }
        held.removeFirst(start)
        searched = held.count
        if held.count > Self.longestHeldLine { finish(deliver: deliver) }
    }

    /// The log has ended: what is left is a line without an end.
    package mutating func finish(deliver: (ArraySlice<UInt8>) -> Void) {
        if !held.isEmpty { take(held[...], deliver) }
        held = []
        searched = 0
    }

    private mutating func take(_ line: ArraySlice<UInt8>, _ deliver: (ArraySlice<UInt8>) -> Void) {
        guard let stamp = Self.stamp(at: line.startIndex, in: line) else {
            // Not from the container, such as the node's own words about a log that is gone.
            deliver(line)
            return
        }
        var pieces: [Range<Int>] = []
        var start = stamp.end
        var last = stamp
        // Older nodes write the time again before every piece of a long line.
        while line.endIndex - start > Self.pieceSize, let next = Self.stamp(at: start + Self.pieceSize, in: line) {
            pieces.append(start..<start + Self.pieceSize)
            start = next.end
            last = next
        }
        pieces.append(start..<line.endIndex)
        if isNew(last.second) { for piece in pieces { deliver(line[piece]) } }
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
