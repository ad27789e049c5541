import Execution

/// What all running steps together may use: counted amounts, counting semaphores, and GPU devices one by one.
package struct ResourcePool: Sendable {
    /// How many steps may run at once.
    package static let parallel = "parallel"
    package static let gpu = "gpu"

    private var indices: [String: Int] = [:]
    private var names: [String] = []
    private var limits: [Double] = []
    private var free: [Double] = []
    private var freeDevices: [Int]
    private let devices: Int

    /// - Parameters:
    ///   - limits: amounts by name; what is not named is not limited.
    ///   - numbers: of the GPU devices; nil for the first ones.
    package init(limits: [String: Double], devices numbers: [Int]? = nil) {
        let count = Int(min(4096, max(0, limits[Self.gpu] ?? 0)))
        freeDevices = (numbers ?? Array(0..<count)).sorted(by: >)
        devices = freeDevices.count
        for (name, limit) in limits.sorted(by: { $0.key < $1.key }) { define(name, limit: limit) }
    }

    package func limit(of name: String) -> Double? { indices[name].map { limits[$0] } }

    /// The limits by name that steps of nested pipelines share.
    package var sharedLimits: [String: Double] {
        indices.filter { !$0.key.hasPrefix(Self.ownPrefix) }.mapValues { limits[$0] }
    }

    /// Begins the names of semaphores that are this pipeline's own affair.
    static let ownPrefix = "\u{0}"

    /// Adds a semaphore, such as the one that bounds the cells of one step.
    mutating func define(_ name: String, limit: Double) {
        guard indices[name] == nil else { return }
        indices[name] = names.count
        names.append(name)
        limits.append(limit)
        free.append(limit)
    }

    /// An amount of everything a step asks for; equal requests compete in one queue.
    package struct Request: Sendable, Hashable {
        fileprivate var parts: [Part]
        fileprivate var devices: Int

        fileprivate struct Part: Sendable, Hashable {
            var index: Int
            var amount: Double
        }
    }

    /// The request for these amounts.
    ///
    /// - Throws: `NodeFailure` when it can never be met, or makes no sense.
    package func request(_ amounts: [String: Double]) throws(NodeFailure) -> Request {
        var request = Request(parts: [], devices: 0)
        for (name, amount) in amounts.sorted(by: { $0.key < $1.key }) {
            guard amount.isFinite, amount >= 0 else {
                throw NodeFailure(.launch, "it asks for \(amount) of '\(name)', which is no amount")
            }
            guard let index = indices[name], amount > 0 else { continue }
            guard amount <= limits[index] else {
                throw NodeFailure(
                    .launch,
                    "it asks for \(shown(amount)) of '\(name)', and the limit is \(shown(limits[index])) (P050)")
            }
            request.parts.append(Request.Part(index: index, amount: amount))
            if name == Self.gpu { request.devices = Int(amount.rounded(.up)) }
        }
        return request
    }

    private func shown(_ amount: Double) -> String {
        amount == amount.rounded() && abs(amount) < 1e15 ? "\(Int64(amount))" : "\(amount)"
    }

    package func fits(_ request: Request) -> Bool {
        request.devices <= freeDevices.count && request.parts.allSatisfy { fits($0) }
    }

    /// Fractions of a processor add up to what they are only nearly.
    private func fits(_ part: Request.Part) -> Bool { part.amount <= free[part.index] + 1e-9 }

    /// Takes what fits; answers the numbers of the devices given.
    mutating func take(_ request: Request) -> [Int] {
        for part in request.parts { free[part.index] -= part.amount }
        let given = freeDevices.suffix(request.devices)
        freeDevices.removeLast(given.count)
        return given.sorted()
    }

    mutating func give(back request: Request, devices: [Int]) {
        for part in request.parts { free[part.index] = min(limits[part.index], free[part.index] + part.amount) }
        // The lowest numbers are used first, so that a run is like the one before it.
        freeDevices = (freeDevices + devices).sorted(by: >)
    }
}
