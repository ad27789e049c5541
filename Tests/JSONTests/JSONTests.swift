import JSON
import TestSupport
import Testing

@Suite("JSON")
struct JSONTests {
    private func read(_ text: String) throws -> JSONValue? {
        try JSONReader.read(Array(text.utf8).span)
    }

    @Test(arguments: [
        ("{}", "{}"), (" { \"a\" : 1 } ", #"{"a":1}"#), ("[1,-2,3.5,1e3,-0]", "[1,-2,3.5,1000.0,0]"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9.223372036854776e+18"), (#""\u00e9\n\ud83d\ude00\/""#, "\"é\\n😀/\""),
        ("[true,false,null]", "[true,false,null]"), ("[NaN,Infinity,-Infinity]", #"["NaN","Infinity","-Infinity"]"#),
        (#"{"a":{"b":[{}]}}"#, #"{"a":{"b":[{}]}}"#), (#""a\u0000b""#, #""a\u0000b""#),
    ])
    func `reads a document and writes it again`(text: String, expected: String) throws {
        var writer = JSONWriter()
        writer.value(try #require(try read(text)))
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test(arguments: [0, 7, 10, -10, 99, 100, 1_700_000_000_123, Int64.max, Int64.min, Int64.min + 1])
    func `an integer is written in full`(number: Int64) {
        var writer = JSONWriter()
        writer.array([number, number]) { $0.integer($1) }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[\(number),\(number)]")
    }

    @Test func `a text written in pieces is the same as in one`() {
        var writer = JSONWriter()
        var pieces: [[UInt8]] = []
        writer.beginArray()
        for number in 0..<3 {
            writer.object {
                $0.prepared(Array(#""key":"a","value":"#.utf8))
                $0.integer(Int64(number))
            }
            pieces.append(writer.takePiece())
        }
        writer.endArray()
        pieces.append(writer.takePiece())
        #expect(
            pieces.map { String(decoding: $0, as: UTF8.self) }.joined()
                == #"[{"key":"a","value":0},{"key":"a","value":1},{"key":"a","value":2}]"#)
        #expect(writer.takePiece().isEmpty)
    }

    @Test(arguments: ["", " \n\t"])
    func `an empty body is no document`(text: String) throws {
        #expect(try read(text) == nil)
    }

    @Test(arguments: [
        "{", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "tru", "nul", "01", "1.", "-", "1e", "+1",
        ".5",
        "\"abc", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"a\nb\"", "{} {}", "[1 2]", "'a'",
        "{\"a\":1,\"a\":2}", "0x10", "NaNa",
    ])
    func `A-33 what is no JSON is refused with the place`(text: String) {
        #expect(throws: JSONError.self) { try read(text) }
    }

    @Test func `A-33 invalid UTF-8 is refused`() {
        for bytes in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0x5C, 0x6E, 0xED, 0xA0, 0x80, 0x22]]
            as [[UInt8]]
        {
            #expect(throws: JSONError.self) { try JSONReader.read(bytes.span) }
        }
    }

    @Test func `A-33 a hundred thousand nested brackets are refused, sixty-four are read`() throws {
        let deep = String(repeating: "[", count: 100_000)
        let error = #expect(throws: JSONError.self) { try read(deep) }
        #expect(error?.reason.contains("nested deeper than 64 levels") == true)
        _ = try read(String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        #expect(throws: JSONError.self) {
            try read(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))
        }
    }

    @Test func `A-31 a name twice is found in a large object too`() {
        let members = (0..<50).map { "\"k\($0)\":0" } + ["\"k30\":1"]
        let error = #expect(throws: JSONError.self) { try read("{\(members.joined(separator: ","))}") }
        #expect(error?.reason == "'k30' is given twice")
    }

    @Test func `random bytes never trap`() {
        var generator = SeededGenerator(seed: 7)
        let alphabet = Array("{}[]\",:\\u0123456789abcdefntr.eE+-\u{0}é ".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                    : UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? JSONReader.read(bytes.span)
        }
    }

    @Test func `writes fields as proto2 has them`() {
        var writer = JSONWriter()
        writer.object {
            $0.field("set", "")
            $0.field("absent", nil as String?)
            $0.field("number", 0 as Int64)
            $0.field("empty", [] as [String]) { $0.string($1) }
            $0.field("list", ["a\"b", "c\u{1}\u{7f}"]) { $0.string($1) }
            $0.field("nan", Double.nan)
            $0.field("half", 0.5)
            $0.field("message") { _ in }
        }
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"set":"","number":0,"list":["a\"b","c\u0001\u007f"],"nan":"NaN","half":0.5,"message":{}}"#)
    }
}
