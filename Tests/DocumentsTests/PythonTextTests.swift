import Diagnostics
import Documents
import Foundation
import Testing

@Suite struct `Python text` {
    /// Compares with what PyYAML and Python said, in a file made by `Golden/make_scalars.py`.
    @Test func `Y-07 values are read and printed as by PyYAML`() throws {
        let folder = try #require(Bundle.module.resourceURL)
        let golden = try String(contentsOf: folder.appending(path: "Golden/scalars.tsv"), encoding: .utf8)
        var wrong: [String] = []
        var count = 0
        for line in golden.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map { unescaped(String($0)) }
            try #require(fields.count == 2)
            count += 1
            let text = printed(fields[0])
            if text != fields[1] { wrong.append("\(fields[0]) → \(text), not \(fields[1])") }
        }
        #expect(count > 6000)
        #expect(wrong.isEmpty, "\(wrong.count) differ: \(wrong.prefix(30).joined(separator: "\n"))")
    }

    private func printed(_ value: String) -> String {
        guard let root = try? YAMLDocument(parsing: Array("v: \(value)".utf8), file: "f").root,
            let value = try? root["v"]?.value()
        else { return "ERROR" }
        return value.pythonText
    }

    private func unescaped(_ text: String) -> String {
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result.append(["n": "\n", "t": "\t", "r": "\r"][character] ?? character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    @Test func `Y-07 numbers too long for Python are errors, not traps`() throws {
        let fits = try node("v: " + String(repeating: "9", count: 4300))
        #expect(try fits["v"]?.value() == .int(String(repeating: "9", count: 4300)))
        for text in [String(repeating: "9", count: 4301), "0x" + String(repeating: "f", count: 200_000)] {
            let root = try node("v: \(text)")
            let error = #expect(throws: InvalidInput.self) { try root["v"]?.value() }
            #expect(error?.diagnostics.first?.location?.line == 1)
        }
    }

    @Test func `a date that does not exist is an error with its place`() throws {
        let root = try node("a: 1\nv: 2020-02-30\n")
        let error = #expect(throws: InvalidInput.self) { try root["v"]?.value() }
        #expect(error?.description.contains("MLproject:2:4: error: YAML reads '2020-02-30' as a date") == true)
    }
}
