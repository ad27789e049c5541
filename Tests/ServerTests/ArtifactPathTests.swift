import Files
import JSON
import SystemPackage
import Testing

@testable import Server

@Suite("artifact paths, places and ranges")
struct ArtifactPathTests {
    @Test(arguments: [
        "../x", "a/../../x", "..", ".", "./x", "/etc/passwd", "%2e%2e/x", "%252e%252e/x", "..%2fx", "a%2f..%2f..%2fx",
        "%2fetc/passwd", "..\\x", "%5c..%5cx", "file:///etc/passwd", "C:/x", "a//b", "", "~root/x", "a\u{0}b", "a%00b",
        "a\nb", "a#b", ".swiftflow-tmp-1", "a/.swiftflow-tmp-2/b", "%25252525252525252e",
    ])
    func `A-01 a path that leaves, or could, is refused`(path: String) {
        #expect(throws: APIError.self) { try RelativePath.artifact(path) }
    }

    @Test(arguments: [
        "model/MLmodel", "with space.txt", "a..b/c..", "..hidden", "100%.txt", "50%25", "été/日本語.json", ".leading",
        "a b%20c",
        "x;y=1", "q?x", "a&b", "'quoted\"",
    ])
    func `A-07 ordinary names work`(path: String) throws {
        #expect(try RelativePath.artifact(path).string == path)
    }

    @Test(arguments: [
        ("/data/mlruns/0/r/artifacts", "0/r/artifacts"), ("file:///data/mlruns/0/r", "0/r"), ("/data/mlruns", "."),
        ("/data//mlruns/./0", "0"), ("mlflow-artifacts:/0/r/artifacts", "0/r/artifacts"),
        ("mlflow-artifacts://other:1/0/r", "0/r"), ("mlflow-artifacts:/", "."), ("file:///data/mlruns/a%20b", "a b"),
        ("/data/mlruns/a%20b", "a%20b"),
    ])
    func `a location in one of our roots is found there`(location: String, path: String) {
        let roots = ArtifactRoots(served: "/srv/artifacts", local: ["/data/mlruns"])
        #expect(roots.place(of: location)?.path.string == path)
    }

    @Test(arguments: [
        "/etc", "file:///etc", "/data/mlrunsx/0", "/data/mlruns/../secret", "file:///data/mlruns/%2e%2e/secret",
        "file:///data/mlruns/%252e%252e/secret", "file://host/data/mlruns/0", "s3://bucket/data/mlruns",
        "http://169.254.169.254/",
        "mlflow-artifacts:/../x", "mlflow-artifacts:/%2e%2e/x", "relative/path", "", "mlflow-artifacts:/a%5c..%5cb",
        "dbfs:/data/mlruns/0", "/data/mlruns/\u{1}",
    ])
    func `A-13 A-14 a location elsewhere is none of ours`(location: String) {
        let roots = ArtifactRoots(served: "/srv/artifacts", local: ["/data/mlruns"])
        #expect(roots.place(of: location) == nil)
    }

    @Test(
        arguments: [
            (nil, ByteRange.whole), ("bytes=0-", .part(0..<10)), ("bytes=0-0", .part(0..<1)),
            ("bytes=2-4", .part(2..<5)),
            ("bytes=-3", .part(7..<10)), ("bytes=-99", .part(0..<10)), ("bytes=5-99", .part(5..<10)),
            ("BYTES=1-2", .part(1..<3)),
            ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=0-99999999999999999999", .part(0..<10)), ("bytes=-99999999999999999999", .part(0..<10)),
            ("bytes=9223372036854775807-9223372036854775807", .unsatisfiable),
            ("bytes=0-9223372036854775807", .part(0..<10)),
            ("bytes=4-2", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole),
            ("bytes=1-2,4-5", .whole),
            ("items=0-1", .whole), ("bytes=--1", .whole), ("bytes=1--2", .whole), ("bytes=0x1-2", .whole),
        ] as [(String?, ByteRange)])
    func `A-38 hostile ranges are whole, a part, or unsatisfiable`(field: String?, expected: ByteRange) {
        #expect(ByteRange(field, size: 10) == expected)
    }

    @Test func `A-38 an empty file has no part`() {
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=-1", size: 0) == .unsatisfiable)
    }

    @Test(arguments: [
        ("model.pkl", #"attachment; filename="model.pkl""#),
        (#"a"b\c.txt"#, #"attachment; filename="a_b_c.txt"; filename*=UTF-8''a%22b%5Cc.txt"#),
        ("é\r\nX: y", "attachment; filename=\"___X: y\"; filename*=UTF-8''%C3%A9%0D%0AX%3A%20y"),
    ])
    func `A-25 file names cannot break out of their header`(name: String, expected: String) {
        #expect(ArtifactAnswer.disposition(of: name) == expected)
    }

    @Test(arguments: [
        ("models:/m-abc", ModelURI.loggedModel("m-abc")), ("models:/a/3", .version(name: "a", number: "3")),
        ("models:/a/Latest", .latest(name: "a")), ("models:/a/Staging", .stage(name: "a", stage: "Staging")),
        ("models:/a@best", .alias(name: "a", alias: "best")),
    ])
    func `registry sources are understood`(text: String, expected: ModelURI) {
        #expect(ModelURI(text) == expected)
    }

    @Test(arguments: [
        "models://host/a/1", "models:/", "models:/a/b/c", "models:/a/", "models:/@x", "models:/a@", "models:/%2e/1",
    ])
    func `A-10 odd registry sources are not`(text: String) {
        #expect(ModelURI(text) == nil)
    }
}
