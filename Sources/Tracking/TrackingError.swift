package import Diagnostics

/// Why a store refused or could not do what was asked, in MLflow's own error codes and words.
///
/// The message texts are the ones that MLflow's clients and their tests look for, which is why they do not follow the
/// style of our other errors.
package struct TrackingError: ExplainedError, Hashable {
    /// MLflow's error codes; the raw value is what goes over the wire.
    ///
    /// The server maps them to HTTP statuses.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case invalidParameterValue = "INVALID_PARAMETER_VALUE"
        case badRequest = "BAD_REQUEST"
        case resourceAlreadyExists = "RESOURCE_ALREADY_EXISTS"
        case customerUnauthorized = "CUSTOMER_UNAUTHORIZED"
        case unauthenticated = "UNAUTHENTICATED"
        case permissionDenied = "PERMISSION_DENIED"
        case resourceDoesNotExist = "RESOURCE_DOES_NOT_EXIST"
        case notFound = "NOT_FOUND"
        case endpointNotFound = "ENDPOINT_NOT_FOUND"
        case aborted = "ABORTED"
        case resourceConflict = "RESOURCE_CONFLICT"
        case alreadyExists = "ALREADY_EXISTS"
        case requestLimitExceeded = "REQUEST_LIMIT_EXCEEDED"
        case resourceExhausted = "RESOURCE_EXHAUSTED"
        case cancelled = "CANCELLED"
        case internalError = "INTERNAL_ERROR"
        case invalidState = "INVALID_STATE"
        case dataLoss = "DATA_LOSS"
        case featureDisabled = "FEATURE_DISABLED"
        case notImplemented = "NOT_IMPLEMENTED"
        /// The store is busy; the same call may succeed a little later.
        case temporarilyUnavailable = "TEMPORARILY_UNAVAILABLE"
        case deadlineExceeded = "DEADLINE_EXCEEDED"
    }

    package let code: Code
    package let message: String
    /// What to do about it, where that is not obvious from the message.
    package let remedy: String?

    package init(_ code: Code, _ message: String, remedy: String? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    package var diagnostics: [Diagnostic] {
        [Diagnostic(.error, code: code.rawValue, message, remedy: remedy)]
    }

    package static func invalidParameter(_ message: String) -> TrackingError {
        TrackingError(.invalidParameterValue, message)
    }

    package static func doesNotExist(_ message: String) -> TrackingError {
        TrackingError(.resourceDoesNotExist, message)
    }

    package static func alreadyExists(_ message: String) -> TrackingError {
        TrackingError(.resourceAlreadyExists, message)
    }
}

// MARK: - Texts used by more than one store

extension TrackingError {
    package static func noExperiment(id: String) -> TrackingError {
        .doesNotExist("No Experiment with id=\(id) exists")
    }

    package static func noExperiment(named name: String) -> TrackingError {
        .doesNotExist("Could not find experiment with name '\(name)'")
    }

    package static func noRun(id: String) -> TrackingError {
        .doesNotExist("Run with id=\(id) not found")
    }

    package static func runNotActive(id: String, stage: LifecycleStage) -> TrackingError {
        .invalidParameter("The run \(id) must be in the 'active' state. Current state is \(stage.rawValue).")
    }

    package static func experimentNotActive(id: String, stage: LifecycleStage) -> TrackingError {
        .invalidParameter("The experiment \(id) must be in the 'active' state. Current state is \(stage.rawValue).")
    }

    package static func experimentExists(name: String) -> TrackingError {
        .alreadyExists("Experiment(name=\(name)) already exists.")
    }

    package static func noRegisteredModel(named name: String) -> TrackingError {
        .doesNotExist("Registered Model with name=\(name) not found")
    }

    package static func noModelVersion(named name: String, version: String) -> TrackingError {
        .doesNotExist("Model Version (name=\(name), version=\(version)) not found")
    }

    package static func noLoggedModel(id: String) -> TrackingError {
        .doesNotExist("Logged model with ID '\(id)' not found.")
    }

    package static func paramChanged(key: String, old: String, new: String, runID: String) -> TrackingError {
        .invalidParameter(
            "Changing param values is not allowed. Param with key='\(key)' was already logged with value='\(old)' "
                + "for run ID='\(runID)'. Attempted logging new value '\(new)'.")
    }
}
