import Diagnostics
import Files
import Processes
import SystemPackage

/// Environments made by conda, or by mamba or micromamba in its place.
///
/// They live where conda keeps its environments. What we know of each is recorded below the environments' root: a record that says
/// "incomplete" with nobody at work on it is a build that was cut off.
package struct CondaEnvironment: EnvironmentManager {
    package static let name = EnvironmentManagerName.conda.rawValue

    package init() {}

    package func plan(_ request: EnvironmentRequest) throws -> EnvironmentPlan {
        let declaration = try Declaration(request)
        let known = try CondaRecords(root: request.root).complete(declaration.name, marksUse: false)
        return EnvironmentPlan(
            manager: Self.name, name: declaration.name, folder: known.map { FilePath($0.record.prefix ?? "") },
            fingerprint: declaration.name, isReady: known != nil, notices: declaration.notices)
    }

    package func prepare(_ request: EnvironmentRequest) async throws -> PreparedEnvironment {
        let declaration = try Declaration(request)
        let conda = try CondaInstallation(variables: request.variables)
        let records = CondaRecords(root: request.root)
        var wasBuilt = false
        var known = try records.complete(declaration.name)
        if known == nil {
            wasBuilt = try await make(declaration, with: conda, records, request)
            known = try records.complete(declaration.name)
        }
        guard let known, let prefix = known.record.prefix else {
            throw EnvironmentError(.unusablePlace, "the conda environment '\(declaration.name)' is gone again")
        }
        return PreparedEnvironment(
            managerTag: Self.name, shellPrefix: conda.activation(of: declaration.name),
            fingerprint: declaration.name, folder: FilePath(prefix), wasBuilt: wasBuilt, lease: known.lease)
    }

    /// Makes or adopts the environment and records it; returns whether it was made.
    private func make(
        _ declaration: Declaration, with conda: CondaInstallation, _ records: CondaRecords,
        _ request: EnvironmentRequest
    ) async throws -> Bool {
        let name = declaration.name
        let lock = try await EnvironmentStore(root: request.root).lock(name, report: request.report)
        defer { withExtendedLifetime(lock) {} }
        if try records.complete(name, holdsLock: true) != nil { return false }
        let installation = Installation(request)
        if let prefix = try await conda.prefix(of: name, installation) {
            if try records.read(name)?.isComplete != false {
                try records.write(name, prefix: prefix, isComplete: true)
                return false
            }
            request.report(.progress("the conda environment '\(name)' is incomplete; making it again"))
            try await conda.remove(name, installation)
        }
        for notice in declaration.notices { request.report(.warning(notice)) }
        request.report(.progress("creating the conda environment '\(name)'"))
        try records.write(name, prefix: nil, isComplete: false)
        do {
            try await conda.create(name, from: declaration.file, installation)
        } catch {
            // Not cancelled together with this task, which waits for it: what is half made has to go.
            await Task.detached { await discard(name, conda, installation, records) }.value
            throw error
        }
        guard let prefix = try await conda.prefix(of: name, installation) else {
            throw EnvironmentError(
                .failedStep, "'\(conda.creator)' reported success, but there is no environment '\(name)'")
        }
        try records.write(name, prefix: prefix, isComplete: true)
        return true
    }

    /// Removes what a failed creation has left.
    ///
    /// The record stays until that is done, so nothing half made is ever taken for whole.
    private func discard(
        _ name: String, _ conda: CondaInstallation, _ installation: Installation, _ records: CondaRecords
    ) async {
        do {
            if try await conda.prefix(of: name, installation) != nil {
                installation.request.report(.progress("removing the incomplete conda environment '\(name)'"))
                try await conda.remove(name, installation)
            }
            try records.forget(name)
        } catch {
            installation.request.report(.warning("the incomplete conda environment '\(name)' could not be removed yet"))
        }
    }

    /// The declaring file, checked as far as it concerns us.
    private struct Declaration {
        var name: String
        /// The file's path, for conda; nil for an environment with nothing but python.
        var file: FilePath?
        var notices: [String] = []

        init(_ request: EnvironmentRequest) throws {
            let path: RelativePath
            switch request.source {
            case .condaFile(let file): path = file
            case .noFile:
                name = EnvironmentName.conda("")
                return
            case .pythonEnv:
                throw EnvironmentError(
                    .managerDoesNotFit, "conda cannot make an environment from python_env.yaml",
                    remedy: "use '--env-manager uv', 'virtualenv' or 'local'")
            }
            let bytes = try Directory(opening: request.projectRoot).readFile(path, limit: PythonDeclaration.fileLimit)
            let document = try CondaDocument(parsing: bytes, file: path.string)
            name = EnvironmentName.conda(String(decoding: bytes, as: UTF8.self))
            file = request.projectRoot.appending(path.string)
            notices = document.notices
            let remarkable = requirementLines(document.pipLines.flatMap(pythonLines))
                .filter { $0.hasPrefix("-") || $0.contains("://") }
            if !remarkable.isEmpty {
                let shown = remarkable.prefix(20).map { "'\(redactedText($0))'" }.joined(separator: ", ")
                notices.append("the project asks pip for \(shown)")
            }
            if request.variables["MLFLOW_DISABLE_ENV_MANAGER_CONDA_WARNING"]?.lowercased() != "true" {
                notices.append(
                    "conda's default channels come with Anaconda's terms of service"
                        + " (https://legal.anaconda.com/policies/en/?name=terms-of-service); virtualenv and uv do not."
                        + " MLFLOW_DISABLE_ENV_MANAGER_CONDA_WARNING=true hides this line")
            }
        }
    }
}

/// What is known about conda environments, one record each.
struct CondaRecords {
    private let folder: FilePath

    init(root: FilePath) {
        folder = EnvironmentStore(root: root).stateFolder.appending("conda")
    }

    /// The environment, if its making was finished and its folder is still there.
    func complete(
        _ name: String, marksUse: Bool = true, holdsLock: Bool = false
    ) throws -> (record: EnvironmentRecord, lease: EnvironmentLease)? {
        guard fileStatus(folder) != nil,
            let (record, lease) = try EnvironmentLease.take(
                name, in: Directory(opening: folder), marksUse: marksUse, waits: holdsLock),
            record.isComplete, let prefix = record.prefix,
            fileStatus(FilePath(prefix).appending("conda-meta"))?.kind == .directory
        else { return nil }
        return (record, lease)
    }

    func read(_ name: String) throws -> EnvironmentRecord? {
        guard fileStatus(folder) != nil else { return nil }
        return try EnvironmentLease.take(name, in: Directory(opening: folder), marksUse: false)?.0
    }

    func write(_ name: String, prefix: String?, isComplete: Bool) throws {
        let record = EnvironmentRecord(
            manager: CondaEnvironment.name, fingerprint: name, created: secondsSince1970(), prefix: prefix,
            isComplete: isComplete)
        try Directory(creating: folder).writeFile(RelativePath(name), Array(record.text.utf8))
    }

    func forget(_ name: String) throws {
        guard fileStatus(folder) != nil else { return }
        try Directory(opening: folder).remove(RelativePath(name))
    }

    func names() throws -> [String] {
        guard fileStatus(folder) != nil else { return [] }
        return try Directory(opening: folder).list().map(\.name).filter(EnvironmentName.isName)
    }

    func lastUse(_ name: String) throws -> Int64? {
        try Directory(opening: folder).status(RelativePath(name)).map { $0.modified / 1_000_000_000 }
    }

    /// Nobody can take a lease on the environment while the result is held; nil while somebody has one.
    func exclusive(_ name: String) throws -> EnvironmentLease? {
        try EnvironmentLease.exclusive(name, in: Directory(opening: folder))
    }

    func isInUse(_ name: String) throws -> Bool {
        try EnvironmentLease.isHeld(name, in: Directory(opening: folder))
    }
}
