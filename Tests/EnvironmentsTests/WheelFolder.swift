import Files
import Processes
import SystemPackage

/// A folder of small packages made on the spot, so that real installers have something to install without a network.
struct WheelFolder {
    let path: FilePath

    /// Writes a wheel for each `name==version`; the module `name` has the constant `version`.
    init(at path: FilePath, _ packages: [(name: String, version: String)], with fixture: EnvironmentFixture)
        async throws
    {
        self.path = path
        try makeFolders(path)
        guard let python = findExecutable("python3", searchPath: EnvironmentFixture.toolsPath) else {
            throw ProcessError("no python3 on PATH")
        }
        let arguments = packages.flatMap { [$0.name, $0.version] }
        let result = try await fixture.real.runTool(
            python, ["-I", "-c", Self.script, path.string] + arguments, environment: fixture.variables,
            workingDirectory: path)
        guard result.end.isSuccess else { throw ProcessError(result.lastLines.joined(separator: "\n")) }
    }

    private static let script = """
        import sys, zipfile
        folder, pairs = sys.argv[1], sys.argv[2:]
        for name, version in zip(pairs[::2], pairs[1::2]):
            info = f"{name}-{version}.dist-info"
            files = {
                f"{name}.py": f"version = {version!r}\\n",
                f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
                f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            }
            files[f"{info}/RECORD"] = "".join(f"{file},,\\n" for file in [*files, f"{info}/RECORD"])
            with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
                for file, content in files.items():
                    wheel.writestr(file, content)
        """

    /// Requirement lines that make an installer look here and nowhere else.
    var options: [String] { ["--no-index", "--find-links \(path)"] }
}
