import Diagnostics
import Documents
import Testing

@Suite struct `JSON documents` {
    @Test func `values keep order and digits`() throws {
        let text = #" {"b": [1, -2.50e+3, true, null], "a": {"é\n\u00e9\ud83d\ude00": "x"}} "#
        let root = try JSONDocument(parsing: Array(text.utf8), file: "c.json").root
        #expect(
            root
                == .object([
                    .init(name: "b", value: .array([.number("1"), .number("-2.50e+3"), .bool(true), .null])),
                    .init(name: "a", value: .object([.init(name: "é\né😀", value: .string("x"))])),
                ]))
        #expect(root["a"]?["é\né😀"]?.string == "x")
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "1e", "nul", "'a'", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\udc00\"",
        "\"a\nb\"", "[1] 2", "{a: 1}", "NaN", "Infinity", "\"abc", "{\"a\" 1}", "// c\n1", "\u{0}",
    ]) func `what is not JSON is an error with its place`(text: String) throws {
        let error = #expect(throws: InvalidInput.self) { try JSONDocument(parsing: Array(text.utf8), file: "c.json") }
        #expect(error?.diagnostics.first?.location?.line != nil)
    }

    @Test func `a name given twice is refused`() throws {
        let text = "{\"a\": 1,\n \"\\u0061\": 2}"
        let error = #expect(throws: InvalidInput.self) { try JSONDocument(parsing: Array(text.utf8), file: "c.json") }
        #expect(error?.description == "c.json:2:2: error: not valid JSON: 'a' is given twice; remove one of the two")
    }

    @Test func `nesting and size are limited`() throws {
        for text in [String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000)] {
            let error = #expect(throws: InvalidInput.self) {
                try JSONDocument(parsing: Array(text.utf8), file: "c.json")
            }
            #expect(error?.description.contains("nested deeper than 64") == true)
        }
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(throws: Never.self) { try JSONDocument(parsing: Array(deep.utf8), file: "c.json") }
        #expect(throws: InvalidInput.self) {
            try JSONDocument(parsing: [UInt8](repeating: 0x20, count: (16 << 20) + 1), file: "c.json")
        }
    }
}
