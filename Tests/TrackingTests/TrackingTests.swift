import Diagnostics
import Testing

@testable import Tracking

@Suite struct `Tracking values` {
    @Test func `run ids are random, of MLflow's form, and recognised`() {
        let ids = (0..<1000).map { _ in makeRunID() }
        #expect(Set(ids).count == 1000)
        for id in ids {
            #expect(id.utf8.count == 32 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            #expect(Array(id)[12] == "4" && "89ab".contains(Array(id)[16]))
            #expect(isRunID(id))
        }
        #expect(makeLoggedModelID().hasPrefix("m-"))
    }

    @Test(arguments: [
        ("a", true), ("0-_x", true), (String(repeating: "a", count: 256), true), ("größe", true),
        (String(repeating: "a", count: 257), false), ("", false), ("-a", false), ("_a", false), ("../..", false),
        ("a b", false), ("a/b", false), ("a\n", false), ("é", false), ("' OR 1=1", false),
    ])
    func `A-12 text is a run id or not`(text: String, expected: Bool) {
        #expect(isRunID(text) == expected)
    }

    @Test func `random names have three parts and at most 20 characters`() {
        for _ in 0..<2000 {
            let name = makeRandomName()
            #expect(name.count <= 20 && name.split(separator: "-").count == 3, "\(name)")
        }
        #expect(adjectives.allSatisfy { $0.count <= 7 } && nouns.allSatisfy { $0.count <= 7 })
    }

    @Test(arguments: [
        ("", "."), (".", "."), ("a", "a"), ("a/b", "a/b"), ("a//b", "a/b"), ("a/./b", "a/b"), ("a/../b", "b"),
        ("../a", "../a"), ("a/../../b", "../b"), ("/..", "/"), ("/a/..", "/"), ("//a", "//a"), ("///a", "/a"),
        ("a/", "a"), ("..", ".."), ("a/..", "."), ("../..", "../.."),
    ])
    func `paths are normalised as POSIX does`(path: String, normalized: String) {
        #expect(normalizedPath(path) == normalized)
    }

    @Test func `JSON text is escaped to plain ASCII`() {
        #expect(quotedJSON("a\"\\\n\u{1}é😀") == #""a\"\\\n\u0001\u00e9\ud83d\ude00""#)
    }

    @Test func `long values follow MLFLOW_TRUNCATE_LONG_VALUES`() {
        #expect(LongValues(environment: [:]) == .truncated)
        #expect(LongValues(environment: ["MLFLOW_TRUNCATE_LONG_VALUES": "true"]) == .truncated)
        #expect(LongValues(environment: ["MLFLOW_TRUNCATE_LONG_VALUES": "False"]) == .refused)
        #expect(LongValues(environment: ["MLFLOW_TRUNCATE_LONG_VALUES": "0"]) == .refused)
    }

    @Test func `only ended runs are in a terminal state`() {
        #expect(RunStatus.allCases.filter(\.isTerminal) == [.finished, .failed, .killed])
    }

    @Test func `errors carry code and remedy to the one place that shows them`() {
        let error = TrackingError(.invalidState, "it is so", remedy: "do this")
        #expect(error.description == "error: it is so; do this")
        #expect(error.diagnostics.first?.code == "INVALID_STATE")
    }

    @Test func `points are equal when they are stored alike, NaN included`() {
        #expect(Metric("m", .nan, timestamp: 1) == Metric("m", .nan, timestamp: 1))
        #expect(Metric("m", 1, timestamp: 1) != Metric("m", 1, timestamp: 2))
        #expect(Set([Metric("m", .nan, timestamp: 1), Metric("m", .nan, timestamp: 1)]).count == 1)
    }
}

@Suite struct `Page tokens` {
    @Test(arguments: [0, 1, 100, 50_000, Int(Int32.max)])
    func `round-trip, as MLflow writes them`(offset: Int) throws {
        #expect(try PageToken(PageToken(offset: offset).text).offset == offset)
        #expect(PageToken(offset: 100).text == "eyJvZmZzZXQiOiAxMDB9")
    }

    @Test func `carry the mark of their search`() throws {
        let token = PageToken(offset: 7, fingerprint: .max)
        #expect(try PageToken(token.text) == token)
    }

    @Test func `no token is the beginning`() throws {
        #expect(try PageToken(nil).offset == 0)
        #expect(try PageToken("").offset == 0)
    }

    @Test(arguments: [
        "%", "====", "a", "bm90IGpzb24=", "eyJvZmZzZXQiOiAtMX0=", "e30=", "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5fQ==",
        String(repeating: "A", count: 4000),
    ])
    func `A-35 forged ones are refused`(text: String) {
        let error = #expect(throws: TrackingError.self) { try PageToken(text) }
        #expect(error?.code == .invalidParameterValue)
        #expect(error?.message.hasPrefix("Invalid page token") == true)
    }
}
