import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Tracking

/// The answer that lists points of one metric, of one run or of several.
///
/// A long list is written while the client takes it: what is held of it meanwhile is the points, not their text.
struct MetricList: Sendable {
    let key: String
    let series: [MetricSeries]
    var nextPageToken: String?
    /// Whether each point names its run.
    var namesRuns = false
    /// Whether a list without points is written all the same.
    var writesEmptyList = false

    /// Fewer points than this are sent at once, with their length in front.
    private static let pointsAtOnce = 500
    private static let pieceSize = 128 << 10

    var response: Response {
        var text = MetricListText(self)
        let headers: HTTPFields = [.contentType: "application/json"]
        if count < Self.pointsAtOnce {
            let body = ByteBuffer(bytes: text.next(atLeast: .max))
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
        }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { [text] writer in
                var text = text
                while case let piece = text.next(atLeast: Self.pieceSize), !piece.isEmpty {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            })
    }

    fileprivate var count: Int { series.reduce(0) { $0 + $1.points.count } }
}

/// The JSON text of a list, from where the last piece ended.
private struct MetricListText: Sendable {
    private let list: MetricList
    private let isListWritten: Bool
    /// How every point begins.
    private let prefix: [UInt8]
    private var writer = JSONWriter()
    /// The next point.
    private var series = 0
    private var point = 0
    private var hasBegun = false
    private var hasEnded = false

    init(_ list: MetricList) {
        self.list = list
        isListWritten = list.writesEmptyList || list.count > 0
        var writer = JSONWriter()
        writer.field("key", list.key)
        writer.name("value")
        prefix = writer.bytes
    }

    /// The next piece, of so many bytes or a little more; empty after the last.
    mutating func next(atLeast size: Int) -> [UInt8] {
        if !hasBegun { begin() }
        while series < list.series.count, writer.bytes.count < size { writePoints(until: size) }
        if series == list.series.count, !hasEnded { end() }
        return writer.takePiece()
    }

    private mutating func begin() {
        hasBegun = true
        writer.beginObject()
        guard isListWritten else { return }
        writer.name("metrics")
        writer.beginArray()
    }

    private mutating func end() {
        hasEnded = true
        if isListWritten { writer.endArray() }
        writer.field("next_page_token", list.nextPageToken)
        writer.endObject()
    }

    private mutating func writePoints(until size: Int) {
        let current = list.series[series]
        let runID = list.namesRuns ? current.runID : nil
        while point < current.points.count, writer.bytes.count < size {
            let each = current.points[point]
            writer.object {
                $0.prepared(prefix)
                $0.double(each.value)
                $0.field("timestamp", each.timestamp)
                $0.field("step", each.step)
                $0.field("run_id", runID)
            }
            point += 1
        }
        guard point == current.points.count else { return }
        series += 1
        point = 0
    }
}
