import Diagnostics
import Testing

@Suite struct DiagnosticsTests {
    @Test func `a diagnostic says where, what and what to do`() {
        let finding = Diagnostic(
            .error, at: SourceLocation(file: "MLproject", line: 7, column: 3), "unknown key 'entrypoints'",
            remedy: "did you mean 'entry_points'?")
        #expect(
            finding.description
                == "MLproject:7:3: error: unknown key 'entrypoints'; did you mean 'entry_points'?")
    }

    @Test func `a code that can be looked up is shown`() {
        #expect(Diagnostic(.error, code: "P041", "no").description == "error P041: no")
        #expect(Diagnostic(.warning, code: "unknown-key", "no").description == "warning: no")
    }

    @Test(arguments: [
        (2, 3, 4, "    2 | b cdéf\n      |   ^^^^"), (1, 1, nil, "    1 | a\n      | ^"),
        (2, 7, 1, "    2 | b cdéf\n      |       ^"), (3, 2, 1, "    3 |  \\u{1b}x\n      |  ^^^^^^"),
    ])
    func `an excerpt shows the line with carets under what is meant`(
        line: Int, column: Int, length: Int?, shown: String
    ) {
        let source = SourceExcerpts("a\r\nb cdéf\n\t\u{1B}x")
        let finding = Diagnostic(
            .error, at: SourceLocation(file: "f", line: line, column: column), "no", length: length)
        #expect(source.excerpt(of: finding) == shown)
    }

    @Test(arguments: [(0, 1), (4, 1), (1, 0), (-1, 1), (Int.max, Int.max)])
    func `a finding outside the input has no excerpt`(line: Int, column: Int) {
        let finding = Diagnostic(.error, at: SourceLocation(file: "f", line: line, column: column), "no")
        #expect(SourceExcerpts("a\nb\nc").excerpt(of: finding) == nil)
    }

    @Test func `a very long line is shown around the place that is meant`() throws {
        let source = SourceExcerpts(String(repeating: "x", count: 5000) + "HERE" + String(repeating: "y", count: 5000))
        let finding = Diagnostic(.error, at: SourceLocation(file: "f", line: 1, column: 5001), "no", length: 4)
        let excerpt = try #require(source.excerpt(of: finding))
        #expect(excerpt.count < 300 && excerpt.contains("HERE") && excerpt.hasSuffix("^^^^"))
    }

    @Test(arguments: [
        ("plain – ünïcode", "plain – ünïcode"), ("a\u{1B}[31mred", "a\\u{1b}[31mred"), ("x\r\ny\tz", "x\\r\\ny\\tz"),
        ("left\u{202E}right", "left\\u{202e}right"),
    ])
    func `Y-10 control sequences are shown escaped`(text: String, shown: String) {
        #expect(escapedForTerminal(text) == shown)
    }

    @Test(arguments: [
        ("https://user:secret@host/repo.git#train", "https://host/repo.git#train"),
        ("https://ghp_token@host:8443/r", "https://host:8443/r"),
        ("ssh://git:pw@host/r", "ssh://git@host/r"),
        ("git@host:org/repo", "git@host:org/repo"),
        ("https://h/x.zip?X-Amz-Signature=abc&part=1#f", "https://h/x.zip?X-Amz-Signature=***&part=1#f"),
        ("/plain/path@x", "/plain/path@x"),
    ])
    func `G-23 a URL is shown without its secrets`(url: String, shown: String) {
        #expect(redactedURL(url) == shown)
    }

    @Test func `URLs inside a message are redacted too`() {
        #expect(
            redactedText("cannot reach 'https://u:p@h/r' now\nor https://t@h/s")
                == "cannot reach 'https://h/r' now\nor https://h/s")
    }

    @Test(arguments: [("entrypoints", "entry_points"), ("parmeters", "parameters"), ("alpah", "alpha")])
    func `a misspelt name gets its nearest neighbour`(typed: String, meant: String) {
        #expect(nearestName(to: typed, among: ["name", "entry_points", "parameters", "alpha"]) == meant)
    }

    @Test func `a name that resembles nothing gets the list`() {
        #expect(
            suggestion(for: "zzz", among: ["main", "test"], kind: "entry points")
                == "known entry points: 'main', 'test'")
    }
}
