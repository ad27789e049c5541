import Diagnostics
import Files
import SystemPackage
import TestSupport
import Testing

@testable import Environments

struct RequirementsTests {
    private func expanded(
        _ lines: [String], files: [String: String] = [:], project: String? = nil
    ) throws -> RequirementReader {
        let folder = try TemporaryDirectory()
        for (name, content) in files {
            let path = try RelativePath(name)
            if !path.parent.isRoot { try folder.directory.makeDirectory(path.parent) }
            try folder.directory.writeFile(path, Array(content.utf8))
        }
        var reader = RequirementReader(checkout: folder.directory, project: project.map { [$0] } ?? [])
        try reader.read(lines)
        return reader
    }

    @Test func `files are read in relative to the file that names them`() throws {
        let reader = try expanded(
            ["-r a/one.txt", "six"],
            files: ["a/one.txt": "-r two.txt\n", "a/two.txt": "-c ../three.txt\nx", "three.txt": "y\n"])
        #expect(
            reader.requirements == [
                Requirement(text: "y", isConstraint: true), Requirement(text: "x", isConstraint: false),
                Requirement(text: "six", isConstraint: false),
            ])
    }

    @Test func `a file in the checkout around the project is read`() throws {
        let reader = try expanded(["-r ../common.txt"], files: ["common.txt": "x", "train/a": ""], project: "train")
        #expect(reader.requirements.map(\.text) == ["x"])
        #expect(reader.remarkable.isEmpty)
    }

    @Test(arguments: ["-r /etc/passwd", "-r ../../outside.txt", "-c https://example.org/limits.txt", "-r a/../../x"])
    func `E-03 what lies outside is not read, and shown to the user`(line: String) throws {
        let reader = try expanded([line])
        #expect(reader.requirements.map(\.text) == [line])
        #expect(reader.remarkable == [line])
    }

    @Test func `E-03 options are shown to the user`() throws {
        let lines = [
            "--index-url https://example.org", "six", "--trusted-host x", "a @ git+https://h/r.git", "-rx.txt", "-e .",
        ]
        #expect(try expanded(lines).remarkable == lines.filter { $0 != "six" })
    }

    @Test func `a file that includes itself is refused by name`() {
        let error = #expect(throws: InvalidInput.self) {
            try expanded(["-r a.txt"], files: ["a.txt": "-r b.txt", "b.txt": "-r ./a.txt"])
        }
        #expect(error?.description.contains("'a.txt' includes itself") == true)
    }

    @Test func `one file may be named twice`() throws {
        let reader = try expanded(["-r a.txt", "-r a.txt"], files: ["a.txt": "x"])
        #expect(reader.requirements.map(\.text) == ["x", "x"])
    }

    @Test func `chains and fans of files have an end`() {
        let chain = Dictionary(uniqueKeysWithValues: (0..<40).map { ("f\($0).txt", "-r f\($0 + 1).txt") })
        #expect(throws: InvalidInput.self) { try expanded(["-r f0.txt"], files: chain) }
        let fan = Array(repeating: "-r a.txt", count: 200)
        #expect(throws: InvalidInput.self) { try expanded(fan, files: ["a.txt": "x"]) }
    }

    @Test(arguments: ["-r missing.txt", "-r folder", "-r link.txt"])
    func `E-01 a file that is missing, a folder or a link is refused`(line: String) throws {
        let folder = try TemporaryDirectory()
        try folder.directory.makeDirectory(RelativePath("folder"))
        try link(to: "/etc/passwd", at: folder.path.appending("link.txt"))
        var reader = RequirementReader(checkout: folder.directory, project: [])
        let error = #expect(throws: InvalidInput.self) { try reader.read([line]) }
        #expect(error?.description.contains("'\(line)' cannot be followed") == true)
        #expect(error?.description.contains("root:") == false)
    }

    @Test(arguments: [
        ("-e .", true), ("-e ./lib", true), ("--editable=lib", true), (".", true), ("./lib", true), ("lib/x", true),
        ("dist/a.whl", true), ("a.whl", true), ("file:lib", true), ("name @ file:///x", true), ("name @ ./x", true),
        ("six", false), ("six==1.0; python_version < '3'", false), ("name @ https://h/x.whl", false),
        ("git+https://h/r", false),
        ("-e git+https://h/r#egg=x", false), ("--index-url https://h/simple", false),
    ])
    func `packages on the disk are recognised`(line: String, isLocal: Bool) {
        #expect(isLocalPackage(line) == isLocal)
    }
}
