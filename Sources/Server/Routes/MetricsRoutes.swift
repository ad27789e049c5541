import Hummingbird
import NIOCore
import Tracking

/// The server's figures for Prometheus.
struct MetricsRoutes: RouteProvider {
    let metrics: ServerMetrics
    /// Nil where the store does not tell how its writes are doing.
    let writes: (any WriteReporting)?

    var routes: [Route] { [Route(.get, "/metrics", handler: figures)] }

    @Sendable private func figures(_ request: APIRequest) async throws -> Response {
        let text = PrometheusText(
            metrics.current, connections: metrics.connections.count, process: ProcessFigures.current(),
            writes: writes?.writeFigures)
        return Response(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text.text)))
    }
}
