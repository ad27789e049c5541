import JSON
package import Processes
package import Tracking

/// Who runs a pipeline: the value of the tag `swiftflow.lease` of its run.
///
/// Whoever takes a pipeline over raises the epoch; the old owner, should it live, sees that at its next heartbeat and stops.
package struct Lease: Sendable, Hashable {
    /// How often the owner says that it lives.
    package static let heartbeatInterval: Milliseconds = 10_000
    /// After which silence an owner elsewhere counts as gone.
    package static let patience: Milliseconds = 30_000

    package var owner: ProcessIdentity
    package var epoch: Int
    package var heartbeat: Milliseconds
    /// In a claim: the steps that its runner was told to do again, and could not say elsewhere yet.
    package var redo: [String]

    package init(owner: ProcessIdentity, epoch: Int, heartbeat: Milliseconds, redo: [String] = []) {
        self.owner = owner
        self.epoch = epoch
        self.heartbeat = heartbeat
        self.redo = redo
    }

    /// Reads a lease; nil for text that is none.
    package init?(_ text: String) {
        guard case .object(let object)? = try? JSONReader.read(Array(text.utf8).span) else { return nil }
        var owner: ProcessIdentity?
        var epoch: Int?
        var heartbeat: Milliseconds?
        var redo: [String] = []
        for member in object.members {
            switch (member.name, member.value) {
            case ("owner", .string(let text)): owner = ProcessIdentity(text)
            case ("epoch", .integer(let number)): epoch = Int(number)
            case ("heartbeat", .integer(let time)): heartbeat = time
            case ("redo", .array(let names)):
                redo = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
            default: break
            }
        }
        guard let owner, let epoch, let heartbeat else { return nil }
        self.init(owner: owner, epoch: epoch, heartbeat: heartbeat, redo: redo)
    }

    package var text: String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("owner")
            writer.string(owner.description)
            writer.name("epoch")
            writer.integer(Int64(epoch))
            writer.name("heartbeat")
            writer.integer(heartbeat)
            if !redo.isEmpty {
                writer.name("redo")
                writer.array(redo) { $0.string($1) }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The param of the pipeline's run whose writer alone has this epoch.
    package var claimName: String { "\(Self.claimPrefix)\(epoch)" }
    private static let claimPrefix = "swiftflow.epoch."

    /// Reads the param that claims an epoch; nil for every other one.
    package init?(claim param: Param) {
        guard param.key.hasPrefix(Self.claimPrefix), let lease = Lease(param.value), lease.claimName == param.key else {
            return nil
        }
        self = lease
    }

    /// Whether somebody else may take the pipeline over.
    package func isExpired(at now: Milliseconds) -> Bool {
        switch owner.liveness {
        case .ended: true
        case .running: false
        // A clock that was set back makes silence look short, never long.
        case .elsewhere: heartbeat.addingReportingOverflow(Self.patience).partialValue < now
        }
    }
}

extension RunData {
    /// The params a pipeline was given: those of its run without the claims of its runners.
    package var pipelineParams: [Param] { params.filter { Lease(claim: $0) == nil } }
}
