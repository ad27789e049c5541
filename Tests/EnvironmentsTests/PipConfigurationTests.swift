import Files
import SystemPackage
import Testing

@testable import Environments

struct PipConfigurationTests {
    @Test func `pip's file format is read as pip reads it`() {
        let values = PipConfiguration.values(
            of: """
                # comment
                [global]
                index-url = https://mirror.example.org/simple
                extra_index_url=
                    https://one.example.org/simple
                    ; a comment in between
                    https://two.example.org/simple
                trusted-host: mirror.example.org
                Timeout = 60

                [install]
                --find-links = /wheels
                no key here
                """)
        #expect(
            values == [
                "global": [
                    "index-url": "https://mirror.example.org/simple",
                    "extra-index-url": "\nhttps://one.example.org/simple\nhttps://two.example.org/simple",
                    "trusted-host": "mirror.example.org", "timeout": "60",
                ], "install": ["find-links": "/wheels"],
            ])
    }

    @Test func `files and variables are found in pip's order`() throws {
        let fixture = try EnvironmentFixture([
            "a/pip/pip.conf":
                "[global]\nindex-url = https://global\nproxy = http://p:1\n[install]\nindex-url = https://install\n",
            "b/pip/pip.conf": "[global]\nindex-url = https://user\ncert = /ca.pem\n",
            "chosen.conf": "[install]\nindex-url = https://chosen\n",
        ])
        var variables = [
            "XDG_CONFIG_DIRS": "\(fixture.project)/a", "XDG_CONFIG_HOME": "\(fixture.project)/b",
            "HOME": "/nonexistent",
        ]
        var read = PipConfiguration(variables: variables)
        #expect(read.indexURL == "https://install")
        #expect(read.proxy == "http://p:1")
        #expect(read.certificate == "/ca.pem")
        variables["PIP_CONFIG_FILE"] = "\(fixture.project)/chosen.conf"
        read = PipConfiguration(variables: variables)
        #expect(read.indexURL == "https://chosen")
        #expect(read.certificate != "/ca.pem")
        variables["PIP_INDEX_URL"] = "https://variable"
        variables["PIP_TRUSTED_HOST"] = "a b"
        read = PipConfiguration(variables: variables)
        #expect(read.indexURL == "https://variable")
        #expect(read.trustedHosts == ["a", "b"])
        variables["PIP_CONFIG_FILE"] = "/dev/null"
        #expect(PipConfiguration(variables: variables).proxy == nil)
    }

    @Test func `uv is told the same in its own variables`() throws {
        let fixture = try EnvironmentFixture()
        var pip = PipConfiguration()
        pip.indexURL = "https://mirror/simple"
        pip.extraIndexURLs = ["https://one/simple", "https://two/simple"]
        pip.findLinks = ["/wheels", "https://links"]
        pip.trustedHosts = ["mirror", "one:8080"]
        pip.certificate = "/ca.pem"
        pip.proxy = "http://proxy:3128"
        var request = fixture.request(.noFile)
        request.variables = ["HOME": "\(fixture.temporary.path)/home"]
        #expect(
            pip.uvVariables(for: request) == [
                "UV_DEFAULT_INDEX": "https://mirror/simple", "UV_INDEX": "https://one/simple https://two/simple",
                "UV_FIND_LINKS": "/wheels,https://links", "UV_INSECURE_HOST": "mirror one:8080",
                "SSL_CERT_FILE": "/ca.pem", "ALL_PROXY": "http://proxy:3128",
            ])
        request.variables.merge([
            "UV_INDEX_URL": "https://mine", "UV_FIND_LINKS": "/mine", "UV_INSECURE_HOST": "mine",
            "SSL_CERT_FILE": "/mine",
            "https_proxy": "http://mine",
        ]) { $1 }
        #expect(pip.uvVariables(for: request) == [:])
    }

    @Test(arguments: [
        "my project/uv.toml", "my project/pyproject.toml", "home/.config/uv/uv.toml",
    ])
    func `an index that uv is configured with is left alone`(file: String) throws {
        let fixture = try EnvironmentFixture()
        let path = try RelativePath(file)
        try fixture.temporary.directory.makeDirectory(path.parent)
        try fixture.temporary.directory.writeFile(path, Array("[[tool.uv.index]]\nurl = \"https://x\"\n".utf8))
        var pip = PipConfiguration()
        pip.indexURL = "https://mirror/simple"
        var request = fixture.request(.noFile)
        request.variables["SSL_CERT_FILE"] = "x"
        #expect(pip.uvVariables(for: request) == [:])
    }
}
