import Hummingbird
import NIOCore

/// The server's figures for Prometheus.
struct MetricsRoutes: RouteProvider {
    let metrics: ServerMetrics

    var routes: [Route] { [Route(.get, "/metrics", handler: figures)] }

    @Sendable private func figures(_ request: APIRequest) async throws -> Response {
        let text = PrometheusText(
            metrics.current, connections: metrics.connections.count, process: ProcessFigures.current())
        return Response(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text.text)))
    }
}
