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
