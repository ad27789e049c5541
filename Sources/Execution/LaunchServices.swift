package import Processes
package import Projects
package import SystemPackage
package import Tracking

/// What a launcher works with: made once by whoever assembles the program, replaced piece by piece in tests.
package struct LaunchServices: Sendable {
    package var starter: any ProcessStarter
    /// Opens the store at the first use and returns the same one later.
    package var store: @Sendable () async throws -> any TrackingStore
    package var backends: BackendRegistry
    package var childTracking: any ChildTracking
    /// Fetch projects that are not on this machine.
    package var checkoutSources: CheckoutSources
    /// What version control knows of a local project's folder; nil when it lies in no repository.
    package var sourceState: @Sendable (FilePath) async -> SourceState?
    /// Which files of a folder are code; nil when it lies in no repository.
    ///
    /// Files of the ignored names are none unless they are under version control, and the excluded paths never are.
    package var folderCode:
        @Sendable (_ folder: FilePath, _ ignoredNames: Set<String>, _ excludedPaths: Set<String>) async throws ->
            FolderCode? = { _, _, _ in nil }
    /// Downloads what a URI names into a folder and returns where it lies.
    package var download: @Sendable (_ uri: String, _ folder: FilePath) async throws -> FilePath
    /// Who runs the runs, so that others can tell when it has died.
    package var runner: ProcessIdentity
    /// Whether runs that dead runners left are looked for and ended.
    package var endsAbandonedRuns: Bool
    /// The run's artifact folder when it is one of this machine.
    package var artifactFolder: @Sendable (RunInfo) -> FilePath?
    /// Where the log of a run is written first.
    package var logFolder: @Sendable (RunInfo) throws -> FilePath
    /// Brings a finished log to where the run's artifacts are kept, if it is not there already.
    package var keepLog: @Sendable (RunLog, RunInfo) async throws -> Void
    /// Sees what commands and environment tools write, as they write it.
    package var receiveOutput: @Sendable (OutputStream, RawSpan) -> Void
    package var observe: @Sendable (LaunchEvent) -> Void
    let lastingJobs = LastingJobs()

    package init(
        starter: any ProcessStarter, store: @escaping @Sendable () async throws -> any TrackingStore,
        backends: BackendRegistry, childTracking: any ChildTracking, checkoutSources: CheckoutSources,
        sourceState: @escaping @Sendable (FilePath) async -> SourceState?,
        download: @escaping @Sendable (_ uri: String, _ folder: FilePath) async throws -> FilePath,
        runner: ProcessIdentity, endsAbandonedRuns: Bool = true,
        artifactFolder: @escaping @Sendable (RunInfo) -> FilePath? = { _ in nil },
        logFolder: @escaping @Sendable (RunInfo) throws -> FilePath,
        keepLog: @escaping @Sendable (RunLog, RunInfo) async throws -> Void,
        receiveOutput: @escaping @Sendable (OutputStream, RawSpan) -> Void,
        observe: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        self.starter = starter
        self.store = store
        self.backends = backends
        self.childTracking = childTracking
        self.checkoutSources = checkoutSources
        self.sourceState = sourceState
        self.download = download
        self.runner = runner
        self.endsAbandonedRuns = endsAbandonedRuns
        self.artifactFolder = artifactFolder
        self.logFolder = logFolder
        self.keepLog = keepLog
        self.receiveOutput = receiveOutput
        self.observe = observe
    }
}
