package import JSON

/// What the cluster says of a pod, as far as it matters to the command in it.
package struct PodState: Sendable, Hashable {
    /// A container of the pod.
    package struct Container: Sendable, Hashable {
        package enum Phase: Sendable, Hashable {
            case waiting(reason: String?, message: String?)
            case running
            case terminated(Termination)
        }

        package var name: String
        package var phase: Phase
        package var restarts: Int64 = 0
    }

    package struct Termination: Sendable, Hashable {
        package var exitCode: Int32
        package var signal: Int32?
        package var reason: String?
        package var message: String?
        /// Seconds since 1970.
        package var startedAt: Int64?
        package var finishedAt: Int64?
    }

    package struct Condition: Sendable, Hashable {
        package var type: String
        package var isTrue: Bool
        package var reason: String?
        package var message: String?
    }

    package var name: String
    package var id: String
    /// Seconds since 1970.
    package var createdAt: Int64
    package var phase: String
    package var reason: String?
    package var message: String?
    package var node: String?
    package var isBeingDeleted: Bool
    package var deletionGrace: Int64?
    package var conditions: [Condition]
    /// In the order of the pod's own list; the first one is the command's.
    package var containers: [Container]
    package var initContainers: [Container]

    package var main: Container? { containers.first }

    package func condition(_ type: String) -> Condition? { conditions.first { $0.type == type } }

    package init?(_ json: JSONValue) {
        guard let name = json["metadata"]?["name"]?.string else { return nil }
        let metadata = json["metadata"]
        let status = json["status"]
        self.name = name
        id = metadata?["uid"]?.string ?? ""
        createdAt = metadata?["creationTimestamp"]?.string.flatMap(secondsSince1970) ?? 0
        phase = status?["phase"]?.string ?? "Pending"
        reason = status?["reason"]?.string
        message = status?["message"]?.string
        node = json["spec"]?["nodeName"]?.string
        isBeingDeleted = metadata?["deletionTimestamp"]?.string != nil
        deletionGrace = metadata?["deletionGracePeriodSeconds"]?.integer
        conditions = (status?["conditions"]?.array ?? []).compactMap(Condition.init)
        containers = Self.containers("containers", "containerStatuses", json)
        initContainers = Self.containers("initContainers", "initContainerStatuses", json)
    }

    private static func containers(_ specKey: String, _ statusKey: String, _ json: JSONValue) -> [Container] {
        let statuses = json["status"]?[statusKey]?.array ?? []
        return (json["spec"]?[specKey]?.array ?? []).compactMap { container in
            guard let name = container["name"]?.string else { return nil }
            let status = statuses.first { $0["name"]?.string == name }
            return Container(
                name: name, phase: Container.Phase(status?["state"]), restarts: status?["restartCount"]?.integer ?? 0)
        }
    }
}

extension PodState.Condition {
    init?(_ json: JSONValue) {
        guard let type = json["type"]?.string else { return nil }
        self.init(
            type: type, isTrue: json["status"]?.string == "True", reason: json["reason"]?.string,
            message: json["message"]?.string)
    }
}

extension PodState.Container.Phase {
    init(_ state: JSONValue?) {
        if let ended = state?["terminated"] {
            self = .terminated(
                PodState.Termination(
                    exitCode: Int32(clamping: ended["exitCode"]?.integer ?? -1),
                    signal: ended["signal"]?.integer.flatMap { $0 == 0 ? nil : Int32(clamping: $0) },
                    reason: ended["reason"]?.string, message: ended["message"]?.string,
                    startedAt: ended["startedAt"]?.string.flatMap(secondsSince1970),
                    finishedAt: ended["finishedAt"]?.string.flatMap(secondsSince1970)))
        } else if state?["running"] != nil {
            self = .running
        } else {
            let waiting = state?["waiting"]
            self = .waiting(reason: waiting?["reason"]?.string, message: waiting?["message"]?.string)
        }
    }

    var termination: PodState.Termination? { if case .terminated(let end) = self { end } else { nil } }
    var hasStarted: Bool { if case .waiting = self { false } else { true } }
}

/// What the cluster says of a job.
package struct JobState: Sendable, Hashable {
    package var name: String
    package var id: String
    package var runID: String?
    package var runner: String?
    package var submission: String?
    /// What its container writes when the command has ended; nil if another program submitted it.
    package var endMark: String?
    package var isBeingDeleted: Bool
    package var backoffLimit: Int64
    package var conditions: [PodState.Condition]

    package func condition(_ type: String) -> PodState.Condition? { conditions.first { $0.type == type && $0.isTrue } }

    package init?(_ json: JSONValue) {
        guard let name = json["metadata"]?["name"]?.string else { return nil }
        let metadata = json["metadata"]
        self.name = name
        id = metadata?["uid"]?.string ?? ""
        runID = metadata?["labels"]?[ObjectLabel.runID]?.string
        runner = metadata?["labels"]?[ObjectLabel.runner]?.string
        submission = metadata?["annotations"]?[ObjectLabel.submission]?.string
        endMark = metadata?["annotations"]?[ObjectLabel.endMark]?.string
        isBeingDeleted = metadata?["deletionTimestamp"]?.string != nil
        backoffLimit = json["spec"]?["backoffLimit"]?.integer ?? 6
        conditions = (json["status"]?["conditions"]?.array ?? []).compactMap(PodState.Condition.init)
    }
}

/// Reads `2026-11-21T12:36:01Z`, with or without a fraction.
func secondsSince1970(_ text: String) -> Int64? {
    let numbers = text.split { !("0"..."9").contains($0) }.prefix(6).compactMap { Int64($0) }
    guard numbers.count == 6, text.hasSuffix("Z"), numbers.allSatisfy({ $0 < 10_000 }) else { return nil }
    return daysSince1970(year: numbers[0], month: numbers[1], day: numbers[2]) * 86_400 + numbers[3] * 3600
        + numbers[4] * 60 + numbers[5]
}

/// Days of the Gregorian calendar, for years of at most four digits.
func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    // Counting years from March.
    let shifted = month > 2 ? year : year - 1
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

/// Writes `2026-11-21T12:36:01Z`.
func timeText(_ seconds: Int64) -> String {
    let days = (seconds - (seconds % 86_400 + 86_400) % 86_400) / 86_400
    let rest = seconds - days * 86_400
    // Civil from days, counting years from March.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
}
