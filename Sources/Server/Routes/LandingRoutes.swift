import Hummingbird
import NIOCore

/// The page a browser sees: what this is, and how to use it.
///
/// There are no web pages of our own yet, so it says how to get MLflow's.
struct LandingRoutes: RouteProvider {
    var routes: [Route] { [Route(.get, "/") { _ in page }] }

    private var page: Response {
        Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: Self.text)))
    }

    /// The same for everybody: it holds nothing of the request and nothing of this machine.
    private static let text = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>swiftflow</title>
        <h1>swiftflow server</h1>
        <p>This is a tracking server. It speaks the REST API of MLflow \(MLflowAPI.version), so every MLflow client can use it;
        give the client the address of this page:</p>
        <pre>export MLFLOW_TRACKING_URI=<i>the address of this page</i>
        mlflow experiments search</pre>
        <p>Or in Python:</p>
        <pre>import mlflow
        mlflow.set_tracking_uri("<i>the address of this page</i>")
        mlflow.search_runs(search_all_experiments=True)</pre>
        <p>If the server asks for a token, set <code>MLFLOW_TRACKING_TOKEN</code>; for a name and a password, set
        <code>MLFLOW_TRACKING_USERNAME</code> and <code>MLFLOW_TRACKING_PASSWORD</code>.</p>
        <h2>Web pages</h2>
        <p>This server has none yet. MLflow's own can be had on the machine that holds the store, which both programs may open
        at once:</p>
        <pre>mlflow ui --port 5001 --backend-store-uri sqlite:///<i>the store's file</i> \\
          --artifacts-destination <i>the server's artifact folder</i></pre>
        <h2>Health</h2>
        <p><code>/health</code> answers OK while the server runs; <code>/version</code> says whose API this is.</p>
        </html>

        """
}
