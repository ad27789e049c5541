import Diagnostics

/// How long to wait for answers, and how often to ask again: `MLFLOW_HTTP_REQUEST_*`, as MLflow's clients understand them.
struct RetrySettings: Sendable {
    /// How often, from `MLFLOW_HTTP_REQUEST_MAX_RETRIES`.
    var maximumRetries = 7
    /// Whether the user has chosen the number.
    var isChosen = false
    /// `MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR`, in seconds: the pauses are 0, 2, 4, 8 … times as long.
    var backoffFactor = 2.0
    /// `MLFLOW_HTTP_REQUEST_BACKOFF_JITTER`, in seconds: up to so much is added to each pause at random.
    var jitter = 1.0
    /// Whether a server may choose the pause, from `MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER`.
    var respectsRetryAfter = true
    /// `MLFLOW_HTTP_REQUEST_TIMEOUT`: how long the server may send nothing.
    var timeout: Duration = .seconds(30)

    /// No pause is longer, whatever a server asks for or a setting says.
    static let longestPause: Duration = .seconds(30)
    /// Where waiting long makes no sense: for a server that was never there, or one that fails inside.
    static let hastyRetries = 3

    /// A complete answer takes at most this long, however steadily it trickles.
    var longestExchange: Duration = .seconds(300)

    init() {}

    /// - Throws: `InvalidInput` with every variable that is no number; numbers beyond MLflow's limits are taken as the limit.
    init(environment: [String: String]) throws(InvalidInput) {
        var mistakes: [Diagnostic] = []
        func number(_ name: String, _ range: ClosedRange<Double>) -> Double? {
            guard let text = environment[name], !text.isEmpty else { return nil }
            guard let number = Double(text), number.isFinite, number >= 0 else {
                mistakes.append(
                    Diagnostic(
                        .error, "\(name): '\(text.prefix(80))' is not a number",
                        remedy: "give a number from \(Int(range.lowerBound)) to \(Int(range.upperBound)), or unset it"))
                return nil
            }
            return min(max(number, range.lowerBound), range.upperBound)
        }
        if let retries = number("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 0...10) {
            maximumRetries = Int(retries)
            isChosen = true
        }
        backoffFactor = number("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 0...120) ?? backoffFactor
        jitter = number("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", 0...60) ?? jitter
        if let seconds = number("MLFLOW_HTTP_REQUEST_TIMEOUT", 1...3600) {
            timeout = .seconds(seconds)
            longestExchange = timeout * 10
        }
        respectsRetryAfter =
            !["false", "0"].contains(environment["MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER"]?.lowercased())
        guard mistakes.isEmpty else { throw InvalidInput(mistakes) }
    }

    /// The pause before retry `number`, counted from 0.
    func pause(before number: Int, isHasty: Bool, asked: Duration?) -> Duration {
        let random = Double.random(in: 0...1)
        guard !isHasty else {
            let doubled = min(backoffFactor, 0.25) * Double(1 << min(number, 4))
            return .seconds(doubled / 2 * (1 + random))
        }
        let backoff = number == 0 ? 0 : backoffFactor * Double(1 << min(number, 16))
        let wanted = max(.seconds(backoff + jitter * random), respectsRetryAfter ? asked ?? .zero : .zero)
        return min(wanted, Self.longestPause)
    }
}
