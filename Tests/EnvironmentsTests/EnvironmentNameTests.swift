import Documents
import Files
import SystemPackage
import Testing

@testable import Environments

/// Compares with names that MLflow itself gave (`Golden/make_names.py`).
struct EnvironmentNameTests {
    private static func golden() throws -> YAMLNode {
        let path = FilePath(#filePath).removingLastComponent().appending("Golden").appending("names.yaml")
        return try #require(try YAMLDocument(parsing: readFile(path, limit: 1 << 20), file: "names.yaml").root)
    }

    @Test func `the known check value`() {
        let name = EnvironmentName.python("3.11.7", buildDependencies: [], dependencies: [], requirements: [])
        #expect(name == "mlflow-dd3dae030f428e20c29ca2749d722d6bd5af02dd")
        #expect(EnvironmentName.conda("") == "mlflow-da39a3ee5e6b4b0d3255bfef95601890afd80709")
    }

    @Test func `python environments are called what MLflow calls them`() throws {
        let cases = try #require(try Self.golden()["python"]?.sequence)
        #expect(cases.count >= 16)
        for entry in cases {
            let folder = try TemporaryDirectory()
            for file in entry["files"]?.mapping ?? [] {
                let path = try RelativePath(#require(file.key.text))
                if !path.parent.isRoot { try folder.directory.makeDirectory(path.parent) }
                try folder.directory.writeFile(path, Array(#require(file.value.text).utf8))
            }
            let dependencies = try #require(entry["dependencies"]?.sequence?.compactMap { $0.text })
            var reader = RequirementReader(checkout: folder.directory, project: [])
            try reader.read(dependencies)
            let name = EnvironmentName.python(
                try #require(entry["python"]?.text),
                buildDependencies: try #require(entry["build_dependencies"]?.sequence?.compactMap { $0.text }),
                dependencies: dependencies, requirements: reader.requirements)
            #expect(name == entry["name"]?.text, "\(dependencies)")
        }
    }

    @Test func `conda environments are called what MLflow calls them`() throws {
        for entry in try #require(try Self.golden()["conda"]?.sequence) {
            let text = try #require(entry["text"]?.text)
            #expect(EnvironmentName.conda(text) == entry["name"]?.text)
        }
    }
}
