import Files
import SystemPackage
import Testing

@testable import Git

@Suite struct SubmoduleRuleTests {
    static let id = String(repeating: "a", count: 40)

    private func read(
        _ text: String?, at path: String = "lib", parent: String = "https://host/owner/name.git"
    ) throws -> (wanted: [Submodule], warnings: [String]) {
        try submodules(
            text: text, found: [.init(path: path, commit: Self.id)], parent: GitLocation(parent, relativeTo: "/"))
    }

    @Test(arguments: [
        ("https://other/x.git", "https://other/x.git"), ("../lib.git", "https://host/owner/lib.git"),
        ("./lib.git", "https://host/owner/name.git/lib.git"), ("../../b/lib.git", "https://host/b/lib.git"),
        ("git@host:a/b", "git@host:a/b"),
    ])
    func `a submodule's URL may be absolute, or relative to the repository's own`(url: String, expected: String) throws
    {
        let found = try read("[submodule \"lib\"]\n\tpath = lib\n\turl = \(url)\n")
        #expect(found.wanted.map(\.location.url) == [expected])
        #expect(found.wanted.first?.path.string == "lib")
        #expect(found.wanted.first?.commit == Self.id)
        #expect(found.wanted.first?.location.login == nil)
    }

    @Test func `relative URLs work from the scp form too`() throws {
        let found = try read(
            "[submodule \"lib\"]\npath = lib\nurl = ../lib.git\n", parent: "git@host:owner/name.git")
        #expect(found.wanted.first?.location.url == "git@host:owner/lib.git")
    }

    @Test(arguments: [
        "ext::sh -c x", "-u./evil", "--upload-pack=x", "file:///etc", "/srv/x", "C:/x", "../../../../../srv/x",
        "../../..",
        "ssh://-oProxyCommand=x/y", "git@host:a;b", "https://host/%0a", "", ".", "..", "plain", "http://host",
    ])
    func `G-11 a submodule with a hostile URL is refused by name`(url: String) throws {
        // A bare word and an empty value are paths; "C:/x" is a host named C.
        if url == "C:/x" { return }
        let failure = try #require(throws: GitFailure.self) {
            try read("[submodule \"evil\"]\n\tpath = lib\n\turl = \"\(url)\"\n")
        }
        #expect(failure.kind == .submodule)
        #expect(failure.message.contains("'evil'"))
    }

    @Test(arguments: [
        ("../x", "lib"), ("a/../../x", "lib"), ("/abs", "lib"), ("-u", "lib"), ("a\\\\b", "lib"), ("evil", "../x"),
        ("evil", "/abs"), ("evil", "-x"), ("evil", "a/.git/hooks"), ("evil", ".GIT"), ("..", "lib"), ("evil", "a//b"),
    ])
    func `G-11 a submodule whose name or path leaves its place is refused`(name: String, path: String) throws {
        let failure = try #require(throws: GitFailure.self) {
            try read("[submodule \"\(name)\"]\n\tpath = \(path)\n\turl = https://host/x\n")
        }
        #expect(failure.kind == .submodule)
        #expect(failure.message.hasPrefix("the submodule '"))
    }

    @Test(arguments: ["!touch x", "!", "!sh"])
    func `G-11 a submodule that wants to run a command is refused, also one that is not in the commit`(value: String)
        throws
    {
        for path in ["lib", "elsewhere"] {
            let failure = try #require(throws: GitFailure.self) {
                try read("[submodule \"evil\"]\npath = \(path)\nurl = https://host/x\nupdate = \(value)\n")
            }
            #expect(failure.message.contains("'evil' wants to run a command"))
        }
    }

    @Test func `a repository of this machine lends no local submodules`() throws {
        for url in ["../other", "./x", "/srv/x"] {
            let failure = try #require(throws: GitFailure.self) {
                try read("[submodule \"lib\"]\npath = lib\nurl = \(url)\n", parent: "/home/ada/name")
            }
            #expect(failure.kind == .submodule)
        }
    }

    @Test func `a submodule without URL is left empty with a warning, one with update none silently`() throws {
        let found = try read(nil)
        #expect(found.wanted.isEmpty)
        #expect(found.warnings.first?.contains("'lib'") == true)
        let none = try read("[submodule \"lib\"]\npath=lib\nurl=https://host/x\nupdate = none\n")
        #expect(none.wanted.isEmpty)
        #expect(none.warnings.isEmpty)
    }

    @Test(arguments: [
        "path = x", "[submodule", "[submodule \"a\"] x", "[submodule \"a\nb\"]", "[submodule \"a\"]\npath = \"x",
        "[submodule \"a\"]\npath = x\\", "[submodule \"a\"]\n1x = y", "[submodule \"a\"]\n= y", "[]",
        "[submodule \"a\\\"]",
    ])
    func `broken gitmodules are an error with the line`(text: String) throws {
        let failure = try #require(throws: GitFailure.self) { try configurationSections(text) }
        #expect(failure.message.hasPrefix(".gitmodules:"))
    }

    @Test func `git's syntax is read as git reads it`() throws {
        let text = """
            # comment
            [submodule "a b\\"c"] ; comment is not here
            """
        #expect(throws: GitFailure.self) { try configurationSections(text) }
        let sections = try configurationSections(
            "\u{FEFF}".isEmpty
                ? ""
                : "; c\r\n[Submodule \"a \\\"b\"]\r\n\tPath = \" x \" # tail\r\n  url=a;b\n\tshallow\n[other]\nx = a\\\\b \"c;d\" e\n"
        )
        #expect(
            sections == [
                ConfigurationSection(
                    name: "submodule", subsection: "a \"b", values: ["path": " x ", "url": "a", "shallow": "true"]),
                ConfigurationSection(name: "other", subsection: nil, values: ["x": "a\\b c;d e"]),
            ])
    }
}
