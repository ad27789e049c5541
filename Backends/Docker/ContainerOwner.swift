import Containers
import Processes

/// Which runner a container belongs to: the one on its label, or the one that has adopted it since, on its name.
///
/// Labels never change; a name is changed by the engine in one step, and everybody sees it.
enum ContainerOwner {
    private static let separator = "_by_"

    /// The name of a container that `runner` has adopted; nil when it cannot be part of a container's name.
    static func name(of job: String, adoptedBy runner: ProcessIdentity) -> String? {
        let text = runner.description
        let isUsable = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || [0x2D, 0x2E, 0x3A].contains($0)
        }
        return isUsable ? job + separator + text.map { $0 == ":" ? "_" : String($0) }.joined() : nil
    }

    /// - Parameters:
    ///   - name: the container's.
    ///   - label: what its label says of its runner.
    static func runner(name: String, label: String?) -> ProcessIdentity? {
        if let range = name.firstRange(of: separator),
            let adopter = ProcessIdentity(name[range.upperBound...].map { $0 == "_" ? ":" : String($0) }.joined())
        {
            return adopter
        }
        return label.flatMap { ProcessIdentity($0) }
    }

    static func runner(of state: ContainerState) -> ProcessIdentity? {
        runner(name: state.name, label: state.labels[ContainerPlan.Label.runner])
    }

    /// Whether its runner ran here and is dead.
    static func isAbandoned(_ state: ContainerState) -> Bool { runner(of: state)?.liveness == .ended }
}
