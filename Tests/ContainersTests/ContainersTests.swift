import Containers
import Diagnostics
import SystemPackage
import Testing

@Suite struct ImageReferenceTests {
    @Test(
        arguments: [
            "python", "python:3.12", "library/python", "docker.io/library/python:3.12-slim", "localhost/bb:1",
            "localhost:5000/bb",
            "registry.example.org:5000/team/my_model__x/a-b--c:V1.0_x", "127.0.0.1:5055/bb:1", "[::1]:5000/bb",
            "bb@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "python-mini:test", "1a2b",
        ])
    func `an image's name is read and written unchanged`(text: String) throws {
        #expect(try ImageReference(text).description == text)
    }

    @Test(
        arguments: [
            "", "--privileged", "-it", " python", "python ", "py thon", "python\nRUN curl evil", "python\u{0}",
            "Python", "team/Model",
            "../../etc", "a/../b", "a//b", "/a", "a/", "a:", "a:-x", "a:b:c", "a@sha256:xyz", "a@", "a b", "a;b",
            "$(id)", "`id`", "a\tb",
            "a_", "a..b", "a.", "-a/b", "pythön", "a:b c", "reg.example.org:99999999/a", "reg..example/a", "a:\u{301}",
            String(repeating: "a", count: 256), "a:" + String(repeating: "b", count: 129),
        ])
    func `K-02 text that is no image's name is refused before any client sees it`(text: String) {
        #expect(throws: InvalidInput.self) { try ImageReference(text) }
    }

    @Test func `a registry is told from a path as clients tell it`() throws {
        #expect(try ImageReference("team/model").domain == nil)
        #expect(try ImageReference("team.org/model").domain == "team.org")
        #expect(try ImageReference("localhost/model").domain == "localhost")
        #expect(try ImageReference("host:5000/a/b:t").repository == "host:5000/a/b")
    }

    @Test(
        arguments: [
            ("tutorial", nil, "abcdef0123456789", "tutorial:abcdef0"), ("My Model (v2)", nil, nil, "my-model-v2"),
            ("--privileged", nil, nil, "privileged"), ("a\nRUN x", nil, nil, "a-run-x"),
            ("../..", nil, nil, "mlflow-project"),
            ("", nil, nil, "mlflow-project"), ("Ünïcode Übung", nil, nil, "n-code-bung"),
            ("evil.org/model", nil, nil, "evil.org-model"),
            ("x", "registry.org:5000/team/x", "ABCDEF0123", "registry.org:5000/team/x:abcdef0"),
        ] as [(String, String?, String?, String)])
    func `K-02 an image of a project is named after it and its commit, whatever the project calls itself`(
        name: String, repository: String?, commit: String?, expected: String
    ) throws {
        let reference = try ImageBuild.reference(projectName: name, repository: repository, commit: commit)
        #expect(reference.description == expected)
        #expect(try ImageReference(expected) == reference)
    }
}

@Suite struct VolumeMountTests {
    @Test(
        arguments: [
            ("/data:/data", VolumeMount.Source.host(path: "/data"), "/data", []),
            ("/a b:/c d:ro", .host(path: "/a b"), "/c d", ["ro"]),
            ("./x:/x:ro,z", .host(path: "./x"), "/x", ["ro", "z"]),
            ("cache:/root/.cache", .volume(name: "cache"), "/root/.cache", []),
            ("/scratch", .anonymous, "/scratch", []),
        ] as [(String, VolumeMount.Source, String, [String])])
    func `a volume is read and written unchanged`(
        text: String, source: VolumeMount.Source, target: String, options: [String]
    ) throws {
        let mount = try VolumeMount(text)
        #expect(mount.source == source)
        #expect(mount.target == target)
        #expect(mount.options == options)
        #expect(mount.description == text)
    }

    @Test(
        arguments: [
            "", ":", "/a:", ":/b", "/a:b", "/a:/", "/a:/../b", "/a:/b:rw:x", "/a:/b:sudo", "-v:/b", "a/b:/c", "~/x:/c",
            "/a\n:/b", "$HOME:/b",
            "/a:/b:", "x",
        ])
    func `text that is no volume is refused`(text: String) {
        #expect(throws: InvalidInput.self) { try VolumeMount(text) }
    }

    @Test func `our own mounts take any path`() {
        #expect(bindMountArgument(from: "/a", to: "/b") == "type=bind,source=/a,target=/b")
        #expect(
            bindMountArgument(from: "/a,b\"c", to: "/b", isReadOnly: true)
                == "type=bind,\"source=/a,b\"\"c\",target=/b,readonly")
    }
}

@Suite struct ImageBuildTests {
    @Test func `the generated Dockerfile copies the project where MLflow puts it`() throws {
        let build = ImageBuild(
            .project(onTopOf: try ImageReference("python:3.12"), owner: "1000:100"), context: "/p",
            reference: try ImageReference("x"))
        #expect(
            build.dockerfile
                == "FROM python:3.12\nCOPY --chown=1000:100 . /mlflow/projects/code/\nWORKDIR /mlflow/projects/code/\n")
    }
}
