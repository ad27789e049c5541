import Diagnostics
import Testing

@testable import Environments

struct PythonVersionTests {
    @Test(arguments: ["3", "3.11", "3.11.7", "3.14.0rc1", "3.13.0a12"])
    func `versions are read`(text: String) throws {
        let version = try #require(PythonVersion(text))
        #expect(version.description == text)
        #expect(try PythonRequest(text, at: nil) == .version(version))
    }

    @Test(arguments: [
        "", ".", "3.", ".3", "3..1", "3.11.7.1", "-3.11", "--help", "3.11 --clear", "3.11;id", "3.11\n", "$(id)",
        "/bin/sh",
        "../python", "３.11", "3.11rc1", "3.11.0rc", "3.1234567", "pypy3.10", "system", ">=", ">=3.9,", "=3.9",
        "3.9,3.10",
    ])
    func `E-03 what is no version never reaches a tool`(text: String) {
        #expect(PythonVersion(text) == nil)
        let error = #expect(throws: InvalidInput.self) { try PythonRequest(text, at: nil) }
        #expect(error?.description.contains("is no python version") == true)
    }

    @Test(arguments: [">=3.9", ">= 3.9, < 3.13", "==3.11.*", "~=3.11.2", "!=3.12.1,>3"])
    func `conditions are read for uv`(text: String) throws {
        #expect(try PythonRequest(text, at: nil) == .conditions(text.filter { $0 != " " }))
    }

    @Test(arguments: [
        ("3.11.7", "3.11", true), ("3.11.7", "3", true), ("3.11.7", "3.11.7", true), ("3.11.7", "3.1", false),
        ("3.1.4", "3.1", true), ("3.11.7", "3.11.8", false), ("3.14.0rc1", "3.14", true),
        ("3.14.0rc1", "3.14.0", false),
        ("3.10.13", "3.1", false),
    ])
    func `a version satisfies what it begins with, number by number`(full: String, wanted: String, fits: Bool) throws {
        #expect(try #require(PythonVersion(full)).satisfies(#require(PythonVersion(wanted))) == fits)
    }

    @Test func `final versions come before pre-releases, newer before older`() throws {
        let versions = ["3.9.18", "3.10.2", "3.14.0rc2", "3.10.13", "3.14.0rc10"].compactMap(PythonVersion.init)
        #expect(
            versions.sorted { $0.isPreferred(to: $1) }.map(\.description)
                == ["3.10.13", "3.10.2", "3.9.18", "3.14.0rc10", "3.14.0rc2"])
    }
}
