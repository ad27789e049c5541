// swift-tools-version: 6.2
import PackageDescription

/// House settings: every target of ours is strict, and a warning is an error.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// A library module of ours.
///
/// Its dependencies are exactly the arrows of `docs/architecture.md`.
func module(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: strict)
}

func tests(_ name: String, resources: [Resource]? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", resources: resources,
        swiftSettings: strict)
}

let package = Package(
    name: "swiftflow",
    products: [
        .executable(name: "swiftflow", targets: ["CommandLineTool"]),
        .executable(name: "swiftflow-git", targets: ["GitWorker"]),
        .executable(name: "swiftflow-keeper", targets: ["Keeper"]),
        .library(name: "SwiftFlow", targets: ["SwiftFlow"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C: what Swift cannot import by itself. Nothing above the one module that wraps it sees a C type.
        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),
        .systemLibrary(name: "CMalloc", path: "Sources/CMalloc"),
        .systemLibrary(
            name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CGit2", path: "Sources/CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),
        // Static and without the Swift runtime: it must be small and start in well under a millisecond (Sources/Keeper/main.c).
        .executableTarget(
            name: "Keeper", path: "Sources/Keeper", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"])]),

        // From the bottom to the top; a lower line never imports a higher one.
        module("Diagnostics", []),
        module("JSON", []),
        module("Files", ["Diagnostics", "CLinux", systemPackage]),
        module("Documents", ["Diagnostics", yams]),
        module("Tracking", ["Diagnostics"]),
        module("SQLiteStore", ["Tracking", "Diagnostics", "CSQLite", systemPackage]),
        module("Processes", ["Diagnostics", "Files", "CLinux", systemPackage]),
        module("GitMessages", ["Diagnostics"]),
        module("GitRepository", ["GitMessages", "Diagnostics", "Files", "CGit2", "CLinux", systemPackage]),
        .executableTarget(
            name: "GitWorker", dependencies: ["GitRepository"], path: "Sources/GitWorker",
            swiftSettings: strict),
        module("Git", ["GitMessages", "Diagnostics", "Files", "Processes", crypto, systemPackage]),
        module(
            "Artifacts",
            [
                "Diagnostics", "Files", "Processes", asyncHTTPClient, crypto, nioCore, nioHTTP1, nioPosix,
                nioSSL, systemPackage,
            ]),
        module(
            "RemoteStore",
            ["Artifacts", "Diagnostics", "Files", "JSON", "Tracking", nioCore, nioHTTP1, systemPackage]),
        module(
            "Projects",
            ["Diagnostics", "Documents", "Files", "Processes", "Git", "Artifacts", "CZlib", systemPackage]),
        module("Environments", ["Diagnostics", "Documents", "Files", "Processes", "CLinux", crypto, systemPackage]),
        module("Digests", ["Diagnostics", "Files", "CLinux", crypto, systemPackage]),
        module("Pipelines", ["Diagnostics", "Documents", "Files", "JSON", "Projects", crypto, systemPackage]),
        module("Containers", ["Diagnostics", "Files", "JSON", "Processes", systemPackage]),
        module(
            "Execution",
            [
                "Diagnostics", "Environments", "Files", "Processes", "Projects", "Tracking", systemPackage,
            ]),
        module(
            "LocalBackend", path: "Backends/Local",
            ["Diagnostics", "Execution", "Files", "Processes", "Projects", systemPackage]),
        module(
            "DockerBackend", path: "Backends/Docker",
            [
                "Containers", "Diagnostics", "Execution", "Files", "JSON", "Processes", "Projects", "Tracking",
                systemPackage,
            ]),
        module(
            "KubernetesBackend", path: "Backends/Kubernetes",
            [
                "Containers", "Diagnostics", "Documents", "Execution", "Files", "JSON", "Processes", "Projects",
                "Tracking",
                systemPackage,
            ]),
        module(
            "Server",
            [
                "Artifacts", "Diagnostics", "Files", "JSON", "Tracking", hummingbird, hummingbirdCore, httpTypes,
                logging, nioCore,
                nioHTTP1, nioPosix, nioSSL,
                serviceLifecycle, systemPackage,
            ]),
        module(
            "Scheduling",
            [
                "Pipelines", "Execution", "Tracking", "Artifacts", "Diagnostics", "Digests", "Files", "JSON",
                "Processes", "Projects", systemPackage,
            ]),
        module("PipelineViews", ["Pipelines", "Scheduling", "Tracking", "Execution", "Diagnostics"]),
        module(
            "SwiftFlow",
            [
                "Diagnostics", "Digests", "DockerBackend", "Execution", "Files", "KubernetesBackend", "LocalBackend",
                "Pipelines",
                "PipelineViews", "Processes", "Scheduling",
                "Projects", "Environments", "Artifacts",
                "Git", "GitMessages", "JSON", "RemoteStore", "Server", "SQLiteStore", "Tracking", systemPackage,
            ]),
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "CMalloc", "Containers", "SwiftFlow", "Diagnostics", "Execution", "JSON", "Pipelines", "PipelineViews",
                "Scheduling", "Files",
                "Processes",
                "Projects", "Environments", "Artifacts",
                "Git", "Server", "SQLiteStore", "Tracking", "LocalBackend", argumentParser, logging, systemPackage,
            ],
            path: "Sources/CommandLine", swiftSettings: strict),

        // Tests: one folder per module; Support holds fixtures and the conformance kits.
        module(
            "TestSupport", path: "Tests/Support",
            [
                "Artifacts", "CSQLite", "Diagnostics", "Environments", "Execution", "Files", "Processes", "Tracking",
                nioCore, nioHTTP1, nioPosix, systemPackage,
            ]),
        .executableTarget(
            name: "RunnerFixture", dependencies: ["Files", "Processes", systemPackage], path: "Tests/RunnerFixture",
            swiftSettings: strict),
        .executableTarget(
            name: "StoreBenchmark", dependencies: ["SQLiteStore", "Tracking", systemPackage],
            path: "Benchmarks/store", swiftSettings: strict),
        .target(name: "FaultyFileSystem", dependencies: ["CSQLite"], path: "Tests/FaultyFileSystem"),
        tests("Diagnostics", ["Diagnostics"]),
        tests("JSON", ["JSON", "TestSupport"]),
        tests("Files", ["Files", "TestSupport", systemPackage]),
        tests("Documents", resources: [.copy("Golden")], ["Documents", "Diagnostics", "TestSupport"]),
        tests("Processes", ["Processes", "Diagnostics", "Files", "TestSupport", systemPackage]),
        tests(
            "Git",
            [
                "Git", "GitMessages", "GitRepository", "Diagnostics", "Processes", "Files", "TestSupport",
                systemPackage,
            ]),
        tests(
            "Artifacts", resources: [.copy("Vectors")],
            [
                "Artifacts", "Diagnostics", "Processes", "Files", "TestSupport", nioCore, nioHTTP1, nioPosix,
                systemPackage,
            ]),
        tests(
            "Projects", resources: [.copy("Golden")],
            ["Projects", "Documents", "Artifacts", "Git", "Files", "Processes", "TestSupport", systemPackage]),
        tests(
            "Environments", resources: [.copy("Golden")],
            ["Environments", "Diagnostics", "Documents", "Processes", "Files", "TestSupport", systemPackage]),
        tests("Digests", ["Digests", "Diagnostics", "Files", "TestSupport", systemPackage]),
        tests(
            "Pipelines",
            [
                "Pipelines", "Diagnostics", "Documents", "Files", "JSON", "Processes", "Projects", "TestSupport",
                systemPackage,
            ]),
        tests("Tracking", ["Tracking", "Diagnostics"]),
        tests(
            "SQLiteStore",
            [
                "SQLiteStore", "Tracking", "Diagnostics", "CSQLite", "FaultyFileSystem", "Files", "Processes",
                "TestSupport", systemPackage,
            ]),
        tests(
            "RemoteStore",
            [
                "RemoteStore", "Artifacts", "Diagnostics", "Server", "SQLiteStore", "Tracking", "Files", "Processes",
                "TestSupport", nioCore, nioPosix, systemPackage,
            ]),
        tests(
            "Server",
            [
                "Server", "Artifacts", "JSON", "SQLiteStore", "Tracking", "Diagnostics", "Files", "Processes",
                "TestSupport", hummingbird, hummingbirdTesting, httpTypes, nioCore, nioHTTP1, systemPackage,
            ]),
        tests(
            "Execution",
            [
                "Execution", "Diagnostics", "LocalBackend", "Processes", "Projects", "SQLiteStore", "Tracking", "Files",
                "TestSupport", systemPackage,
            ]),
        tests("Containers", ["Containers", "Diagnostics", "Files", "JSON", "Processes", "TestSupport", systemPackage]),
        tests(
            "Kubernetes",
            [
                "KubernetesBackend", "Diagnostics", "Execution", "Files", "JSON", "Processes", "TestSupport",
                "Tracking",
                systemPackage,
            ]),
        tests(
            "Scheduling",
            [
                "Scheduling", "Pipelines", "Execution", "Tracking", "Artifacts", "Diagnostics", "Digests", "Files",
                "JSON",
                "Processes", "Projects", "RemoteStore", "Server", "SQLiteStore", "TestSupport", systemPackage,
            ]),
        tests(
            "PipelineViews",
            [
                "PipelineViews", "Pipelines", "Scheduling", "Execution", "Tracking", "SQLiteStore", "Diagnostics",
                "Files",
                "TestSupport", systemPackage,
            ]),
        tests("SwiftFlow", ["SwiftFlow", "Files", "TestSupport", systemPackage]),
        // On real engines; scripts/test-engines.sh starts them.
        .testTarget(
            name: "DockerTests",
            dependencies: [
                "DockerBackend", "LocalBackend", "Containers", "Diagnostics", "Execution", "Files", "Processes",
                "Projects",
                "SQLiteStore",
                "Tracking", "TestSupport", systemPackage,
            ], path: "Tests/Engines/DockerTests", swiftSettings: strict),
        .testTarget(
            name: "KubernetesEngineTests",
            dependencies: [
                "KubernetesBackend", "Diagnostics", "Execution", "Files", "JSON", "Processes", "Projects",
                "SQLiteStore", "TestSupport", "Tracking", systemPackage,
            ], path: "Tests/Engines/KubernetesTests", swiftSettings: strict),
        tests(
            "EndToEnd",
            [
                "Artifacts", "Processes", "Files", "SQLiteStore", "Tracking", "TestSupport", nioCore, systemPackage,
            ]),
    ],
    swiftLanguageModes: [.v6]
)
