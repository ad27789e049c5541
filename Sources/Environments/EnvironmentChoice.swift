import Diagnostics

/// Which manager a project gets: a pure function of what it declares and what the user wants.
///
/// Without a wish: `python_env.yaml` → uv when it is installed, else virtualenv; `conda.yaml` → conda; neither → local.
package enum EnvironmentChoice: Sendable, Hashable {
    case manager(EnvironmentManagerName, notice: String?)
    /// A docker project always runs in its image; the wish is ignored, as MLflow does.
    case docker

    /// What the MLproject file declares.
    package enum Declaration: Sendable, Hashable, CaseIterable {
        case nothing, pythonEnv, condaEnv, dockerEnv
    }

    /// The variable through which a run tells the runs nested in it which manager was asked for.
    package static let inheritedVariable = "SWIFTFLOW_ENV_MANAGER"

    /// - Parameters:
    ///   - option: the value of `--env-manager`, if given.
    ///   - inherited: the value of `SWIFTFLOW_ENV_MANAGER`; it counts only without an option, and gives way to the project's
    ///     kind where it does not fit.
    ///   - hasUV: whether `uv` is on `PATH`; asked only where it matters.
    package init(
        for declaration: Declaration, option: String?, inherited: String? = nil, hasUV: @autoclosure () -> Bool
    ) throws(EnvironmentError) {
        let wish = try option.map { text throws(EnvironmentError) in
            try Self.manager(named: text, from: "--env-manager")
        }
        let inheritedWish = try inherited.flatMap { $0.isEmpty ? nil : $0 }.map { text throws(EnvironmentError) in
            try Self.manager(named: text, from: "the variable \(Self.inheritedVariable)")
        }
        switch declaration {
        case .dockerEnv:
            self = .docker
        case .condaEnv:
            self = .manager(wish ?? inheritedWish ?? .conda, notice: nil)
        case .pythonEnv, .nothing:
            if wish == .conda {
                throw EnvironmentError(
                    .managerDoesNotFit, "a project without a conda environment cannot run with '--env-manager conda'",
                    remedy: "use 'uv', 'virtualenv' or 'local', or declare 'conda_env' in MLproject")
            }
            if let wish = wish ?? inheritedWish, wish != .conda {
                self = .manager(wish, notice: nil)
            } else if declaration == .pythonEnv {
                self = .manager(hasUV() ? .uv : .virtualenv, notice: nil)
            } else {
                self = .manager(
                    .local,
                    notice: "the project declares no environment: running with the packages of this shell"
                        + " (--env-manager uv or virtualenv for an empty environment)")
            }
        }
    }

    private static func manager(named text: String, from place: String) throws(EnvironmentError)
        -> EnvironmentManagerName
    {
        guard let name = EnvironmentManagerName(rawValue: text) else {
            throw EnvironmentError(
                .unknownManager, "\(place) names '\(text)', which is no environment manager",
                remedy: suggestion(
                    for: text, among: EnvironmentManagerName.allCases.map(\.rawValue), kind: "environment managers"))
        }
        return name
    }
}
