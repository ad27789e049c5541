import Pipelines
import Testing

/// Inputs with something in every field.
func sampleInputs() -> CacheInputs {
    var inputs = CacheInputs(
        action: .entryPoint(
            name: "train", command: "python train.py {depth}",
            parameters: [
                .init(name: "depth", type: "int", defaultValue: "6"),
                .init(name: "data", type: "path", defaultValue: nil),
            ]),
        code: .gitTree("0123456789012345678901234567890123456789", files: ["train.py": "1", "lib/data.py": "2"]),
        environment: .init(
            manager: "uv", parts: ["python": "3.11", "python_env.yaml": String(repeating: "cd", count: 32)]))
    inputs.params = [
        "depth": .init(type: "int", .value(.int(6))), "rate": .init(type: "float", .value(.float(0.1))),
        "data": .init(
            type: "path",
            .value(.artifact(ArtifactReference(uri: "runs:/1/data", digest: String(repeating: "ab", count: 32))))),
        "out": .init(type: "string", .place("model")),
        "mix": .init(type: "list", .value(.list([.bool(true), .null, .string("é")]))),
    ]
    inputs.inputs = ["extra": .version("etag-1")]
    inputs.variables = ["A": "1", "B": ""]
    inputs.secretNames = ["TOKEN"]
    inputs.outputs = ["model": "als-model"]
    inputs.salt = "v2"
    return inputs
}

@Suite struct `Cache keys` {
    /// A change of the inputs, the field it belongs to, and the reason that is given.
    struct Change: Sendable, CustomTestStringConvertible {
        var field: CacheField
        var reason: String
        var make: @Sendable (inout CacheInputs) -> Void

        init(_ field: CacheField, _ reason: String, _ make: @escaping @Sendable (inout CacheInputs) -> Void) {
            self.field = field
            self.reason = reason
            self.make = make
        }

        var testDescription: String { reason }
    }

    static let changes: [Change] = [
        Change(.action, "entry point train → main") {
            $0.action = .entryPoint(name: "main", command: "python train.py {depth}", parameters: declarations($0))
        },
        Change(.action, "command changed") {
            $0.action = .entryPoint(name: "train", command: "python3 train.py {depth}", parameters: declarations($0))
        },
        Change(.action, "parameters changed") {
            $0.action = .entryPoint(name: "train", command: "python train.py {depth}", parameters: [])
        },
        Change(.code, "code: lib/data.py changed") {
            $0.code = .gitTree(String(repeating: "a", count: 40), files: ["train.py": "1", "lib/data.py": "3"])
        },
        Change(.code, "code: lib/data.py removed, new.py added") {
            $0.code = .gitTree(String(repeating: "a", count: 40), files: ["train.py": "1", "new.py": "2"])
        },
        Change(.code, "code changed") {
            $0.code = .gitTree(String(repeating: "a", count: 40), files: ["train.py": "1", "lib/data.py": "2"])
        },
        Change(.params, "param depth 6 → 8") { $0.params["depth"] = .init(type: "int", .value(.int(8))) },
        Change(.params, "param rate 0.1 → 1.0") { $0.params["rate"] = .init(type: "float", .value(.float(1))) },
        Change(.params, "param depth 6 → 6.0") { $0.params["depth"] = .init(type: "int", .value(.float(6))) },
        Change(.params, "param depth 6 → \"6\"") { $0.params["depth"] = .init(type: "int", .value(.string("6"))) },
        Change(.params, "params changed") { $0.params["depth"]?.type = "float" },
        Change(.params, "param data changed") {
            $0.params["data"] = .init(
                type: "path",
                .value(.artifact(ArtifactReference(uri: "runs:/1/data", digest: String(repeating: "0", count: 64)))))
        },
        Change(.params, "param out outputs.model → outputs.other") {
            $0.params["out"] = .init(type: "string", .place("other"))
        },
        Change(.params, "param more added; param rate removed") {
            $0.params["more"] = .init(type: "int", .value(.int(1)))
            $0.params["rate"] = nil
        },
        Change(.inputs, "input extra changed") { $0.inputs["extra"] = .version("etag-2") },
        Change(.environment, "environment: python 3.11 → 3.12") { $0.environment.parts["python"] = "3.12" },
        Change(.environment, "environment: manager uv → conda") { $0.environment.manager = "conda" },
        Change(.variables, "env A changed") { $0.variables["A"] = "2" },
        Change(.variables, "env secret OTHER added") { $0.secretNames.insert("OTHER") },
        Change(.outputs, "output model als-model → model") { $0.outputs["model"] = "model" },
        Change(.salt, "salt 'v2' → 'v3'") { $0.salt = "v3" },
        Change(.salt, "salt 'v2' → none") { $0.salt = nil },
    ]

    static func declarations(_ inputs: CacheInputs) -> [CacheInputs.Declaration] {
        if case .entryPoint(_, _, let parameters) = inputs.action { parameters } else { [] }
    }

    @Test func `the key is what the layout of the specification gives`() {
        // Reckoned independently (Python's hashlib and struct) from the same inputs.
        #expect(CacheKey(sampleInputs()).hex == "e996a57fe2ac98e4bd23fef86f6f2f92f1543a4cca4a202ec765cf238b3e14a5")
        #expect(!CacheKey(sampleInputs()).isWeak)
    }

    @Test(arguments: changes) func `W-11 each change touches its own field, makes another key and is named`(
        change: Change
    ) throws {
        let before = CacheKey(sampleInputs())
        var inputs = sampleInputs()
        change.make(&inputs)
        let after = CacheKey(inputs)
        #expect(after.hex != before.hex)
        // Compared as they come back from the store.
        let earlier = try #require(CacheRecord(text: before.record.text()))
        let later = try #require(CacheRecord(text: after.record.text()))
        #expect(later.explanation(since: earlier) == change.reason)
        for field in CacheField.allCases {
            #expect((later.digests[field] != earlier.digests[field]) == (field == change.field))
        }
    }

    @Test func `a key made after others is the key made alone`() {
        var memo = CacheKeyMemo()
        for change in Self.changes {
            var inputs = sampleInputs()
            #expect(CacheKey(inputs, memo: &memo) == CacheKey(inputs))
            change.make(&inputs)
            #expect(CacheKey(inputs, memo: &memo) == CacheKey(inputs))
        }
        // What Swift takes for equal is not the same.
        for value in [Value.float(0), .float(-0.0), .int(0), .string("\u{E9}"), .string("e\u{301}"), .float(.nan)] {
            var inputs = sampleInputs()
            inputs.params["depth"] = .init(type: "float", .value(value))
            inputs.variables["A"] = value.text
            #expect(CacheKey(inputs, memo: &memo).hex == CacheKey(inputs).hex)
        }
    }

    @Test func `several changes are all named, and none when nothing changed`() {
        var inputs = sampleInputs()
        inputs.params["depth"] = .init(type: "int", .value(.int(8)))
        inputs.code = .gitTree("f", files: ["train.py": "1", "lib/data.py": "3"])
        let record = CacheKey(inputs).record
        #expect(
            record.explanation(since: CacheKey(sampleInputs()).record) == "code: lib/data.py changed; param depth 6 → 8"
        )
        #expect(record.changes(since: record).isEmpty)
    }

    @Test func `neither the order of declarations nor where an artifact lies changes the key`() {
        var inputs = sampleInputs()
        inputs.action = .entryPoint(
            name: "train", command: "python train.py {depth}", parameters: Self.declarations(inputs).reversed())
        inputs.params["data"] = .init(
            type: "path",
            .value(
                .artifact(
                    ArtifactReference(uri: "s3://elsewhere/x", form: .uri, digest: String(repeating: "ab", count: 32))))
        )
        #expect(CacheKey(inputs).hex == CacheKey(sampleInputs()).hex)
    }

    @Test func `what is known by its place only makes the key weak`() {
        var inputs = sampleInputs()
        inputs.params["data"] = .init(type: "path", .value(.list([.artifact(ArtifactReference(uri: "s3://b/x"))])))
        #expect(CacheKey(inputs).isWeak)
        #expect(CacheKey(inputs).record.weakNames == ["data"])
        inputs = sampleInputs()
        inputs.inputs["web"] = .unknown(uri: "https://example.org/x.csv")
        inputs.environment = .container(image: "train:latest", digest: nil)
        #expect(CacheKey(inputs).record.weakNames == ["image", "web"])
        inputs.inputs["web"] = nil
        inputs.environment = .container(image: "train:latest", digest: "sha256:1")
        #expect(!CacheKey(inputs).isWeak)
    }

    @Test func `pieces cannot be shifted from one name to the next`() {
        func key(_ variables: [String: String]) -> String {
            var inputs = sampleInputs()
            inputs.variables = variables
            return CacheKey(inputs).hex
        }
        let keys = [
            ["AB": "C"], ["A": "BC"], ["A": "B", "C": ""], ["A": "", "B": "C"], ["ABC": ""], [:], ["": "ABC"],
        ].map(key)
        #expect(Set(keys).count == keys.count)
    }

    @Test func `a project of thousands of files still fits a tag, and the folder that changed is named`() throws {
        func record(changed: String?) throws -> CacheRecord {
            var files: [String: String] = [:]
            for folder in 0..<40 { for file in 0..<60 { files["src/part\(folder)/module\(file).py"] = "1" } }
            files["train.py"] = "1"
            if let changed { files[changed] = "2" }
            var inputs = sampleInputs()
            inputs.code = .files(digest: changed ?? "", files: files)
            let text = CacheKey(inputs).record.text(limit: 4000)
            #expect(text.utf8.count <= 4000)
            return try #require(CacheRecord(text: text))
        }
        let before = try record(changed: nil)
        #expect(try record(changed: "src/part7/module3.py").explanation(since: before) == "code: src/part7/ changed")
        #expect(try record(changed: "train.py").explanation(since: before) == "code: train.py changed")
        #expect(try record(changed: nil).changes(since: before).isEmpty)
    }

    @Test func `a record that has no room at all still tells the field`() throws {
        var inputs = sampleInputs()
        inputs.salt = "v3"
        let small = try #require(CacheRecord(text: CacheKey(inputs).record.text(limit: 300)))
        #expect(small.explanation(since: CacheKey(sampleInputs()).record).contains("salt"))
    }

    @Test(arguments: ["", "{}", "[]", "null", "{\"v\":2}", "{\"v\":1,\"action\":[1]}", "x"])
    func `what is no record is none`(text: String) {
        #expect(CacheRecord(text: text) == nil)
    }
}
