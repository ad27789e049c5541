import Diagnostics
import Files
import JSON
import SystemPackage
import Testing

@testable import Pipelines

@Suite struct SchemaTests {
    /// Follows names from the schema's root.
    private func part(_ path: String...) throws -> JSONObject {
        var value = PipelineSchema.json
        for name in path {
            guard case .object(let object) = value else { break }
            value = try #require(object[name])
        }
        guard case .object(let object) = value else {
            Issue.record("no object at \(path)")
            return JSONObject()
        }
        return object
    }

    private func keys(_ object: JSONObject) -> [String] { object.members.map(\.name) }

    /// The properties of the alternative that is a mapping.
    private func properties(ofDefinition name: String) throws -> [String] {
        let definition = try part("$defs", name)
        guard case .array(let alternatives)? = definition["anyOf"] else {
            return keys(try part("$defs", name, "properties"))
        }
        for case .object(let alternative) in alternatives {
            if case .object(let properties)? = alternative["properties"] { return keys(properties) }
        }
        return []
    }

    @Test func `the schema has the keys that the reader reads, no more and no fewer`() throws {
        #expect(keys(try part("properties")) == TopKey.allCases.map(\.rawValue))
        #expect(keys(try part("properties", "defaults", "properties")) == DefaultsKey.allCases.map(\.rawValue))
        #expect(try properties(ofDefinition: "step") == StepKey.allCases.map(\.rawValue))
        #expect(try properties(ofDefinition: "param") == ParameterKey.allCases.map(\.rawValue))
        #expect(try properties(ofDefinition: "cache") == CacheKeyword.allCases.map(\.rawValue))
        #expect(try properties(ofDefinition: "retry") == RetryKey.allCases.map(\.rawValue))
        #expect(try properties(ofDefinition: "select") == SelectKey.allCases.map(\.rawValue))
        #expect(DefaultsKey.allCases.allSatisfy { $0.stepKey != nil })
    }

    @Test(arguments: TopKey.allCases)
    func `the reader knows each key of the top level`(key: TopKey) {
        let (_, findings) = Pipeline.read(Array("\(key.rawValue): [[]]\n".utf8), file: "p")
        #expect(!findings.contains { $0.code == "P012" })
        #expect(findings.contains { $0.severity == .error })
    }

    @Test(arguments: StepKey.allCases)
    func `the reader knows each key of a step, and refuses a value that is none`(key: StepKey) {
        let (_, findings) = Pipeline.read(Array("steps: {s: {\(key.rawValue): [[]]}}\n".utf8), file: "p")
        #expect(!findings.contains { $0.code == "P012" })
        #expect(findings.contains { $0.severity == .error })
    }

    @Test func `the schema of the documentation is the one of the program`() throws {
        // From Tests/PipelinesTests/Schema up to the package.
        var root = FilePath(#filePath)
        for _ in 0..<4 { root.removeLastComponent() }
        let written = try readFile(root.appending("docs/pipeline.schema.json"), limit: 1 << 20)
        #expect(
            String(decoding: written, as: UTF8.self) == PipelineSchema.text,
            "swiftflow check --schema > docs/pipeline.schema.json")
        #expect(try JSONReader.read(written.span) == PipelineSchema.json)
    }
}
