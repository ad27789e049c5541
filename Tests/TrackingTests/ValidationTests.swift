import Testing

@testable import Tracking

@Suite struct `What may be written` {
    @Test(arguments: ["a", "a/b", "A_1.b-c d:e", "größe", "变量/x", "a..", ".a", "\u{0661}"])
    func `keys that are names`(key: String) throws {
        try Validation.metric(Metric(key, 1, timestamp: 1))
        #expect(try Validation.param(Param(key, "v"), longValues: .refused) == Param(key, "v"))
        #expect(try Validation.runTag(Tag(key, "v"), longValues: .refused) == Tag(key, "v"))
        try Validation.experimentTag(Tag(key, "v"))
        try Validation.registryTag(Tag(key, "v"))
    }

    @Test(arguments: [
        (
            "a;b",
            "Invalid value \"a;b\" for parameter 'name' supplied: Names may only contain alphanumerics, underscores (_), "
                + "dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        ),
        (
            "a//b",
            "Invalid value \"a//b\" for parameter 'name' supplied: Names may be treated as files in certain cases, and "
                + "must not resolve to other names when treated as such. This name would resolve to 'a/b'"
        ),
        ("", "This name would resolve to '.'"), ("/a", "This name would resolve to '/a'"),
        ("../a", "This name would resolve to '../a'"), ("..a", "This name would resolve to '..a'"),
        ("a\u{301}", "Names may only contain alphanumerics"),
    ])
    func `keys that are not, in MLflow's words`(key: String, message: String) {
        let error = #expect(throws: TrackingError.self) { try Validation.metric(Metric(key, 1, timestamp: 1)) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func `S-13 lengths count scalars, at the limit and one over`() throws {
        let flag = "\u{1F1E9}\u{1F1EA}"
        let fits = String(repeating: flag, count: 3000)
        #expect(try Validation.param(Param("p", fits), longValues: .refused).value == fits)
        let cut = try Validation.param(Param("p", fits + "\u{301}x"), longValues: .truncated).value
        #expect(Array(cut.utf8) == Array(fits.utf8))
        let error = #expect(throws: TrackingError.self) {
            try Validation.param(Param("p", fits + "x"), longValues: .refused)
        }
        #expect(error?.message == "'Param value' exceeds the maximum length of 6000 characters")
        try Validation.experimentName(String(repeating: "n", count: 500))
        #expect(throws: TrackingError.self) { try Validation.experimentName(String(repeating: "n", count: 501)) }
        #expect(throws: TrackingError.self) { try Validation.experimentName("") }
    }

    @Test func `an element of a batch is named by its place`() {
        let batch = LogBatch(
            runID: "r", metrics: [Metric("ok", 1, timestamp: 1), Metric("ok", 1, timestamp: -1)])
        let error = #expect(throws: TrackingError.self) { try Validation.batch(batch, longValues: .truncated) }
        #expect(
            error?.message
                == "Invalid value -1 for parameter 'metrics[1].timestamp' supplied: metric 'ok' (value=1.0). "
                + "Timestamp must be a nonnegative long (64-bit integer) ")
    }

    @Test func `two spellings of a letter are two parameters, the same bytes are one`() throws {
        _ = try Validation.params([Param("caf\u{E9}", "1"), Param("cafe\u{1E9}", "2")], longValues: .refused)
        #expect(throws: TrackingError.self) {
            try Validation.params([Param("p", "1"), Param("p", "1")], longValues: .refused)
        }
    }

    @Test(arguments: [
        ("runs:/x", "Artifact location cannot be a runs:/ URI. Given: 'runs:/x'"),
        ("s3://b/p#f", "'artifact_location' URL can't include fragments or params."),
        ("s3://b/p?x=../..", "Invalid query string"),
        (String(repeating: "p", count: 2049), "Invalid artifact path length."),
    ])
    func `artifact locations that are refused`(location: String, message: String) {
        let error = #expect(throws: TrackingError.self) { try Validation.artifactLocation(location) }
        #expect(error?.message.contains(message) == true)
    }

    @Test(arguments: ["s3://bucket/p?versionId=1", "./mlruns", "/tmp/#x", "file:///x", "dbfs:/x"])
    func `artifact locations that are fine`(location: String) throws {
        try Validation.artifactLocation(location)
    }

    @Test(arguments: [
        ("", false), ("a b", false), ("latest", false), ("LATEST", false), ("v1", false), ("V12", false), ("v", true),
        ("v1a", true), ("champion", true), ("größe", true), (String(repeating: "a", count: 255), true),
        (String(repeating: "a", count: 256), false),
    ])
    func `aliases`(alias: String, isValid: Bool) {
        if isValid {
            #expect(throws: Never.self) { try Validation.alias(alias) }
        } else {
            #expect(throws: TrackingError.self) { try Validation.alias(alias) }
        }
    }

    @Test(arguments: [
        ("None", ModelStage.none), ("staging", .staging), ("PRODUCTION", .production), ("archived", .archived),
    ])
    func `stages are read in any case`(text: String, stage: ModelStage) throws {
        #expect(try ModelStage(text) == stage)
    }
}
