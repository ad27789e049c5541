import Files
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Environments

@Suite(.timeLimit(.minutes(10)))
struct ActivationTests {
    /// The managers, and with virtualenv every Python version there is: each has an activation script of its own.
    static var cases: [(VirtualManager, String)] {
        let versions = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"].filter { version in
            let folder = FilePath(environmentVariable("HOME") ?? "/").appending(".pyenv").appending("versions")
            let kept = (try? Directory(opening: folder).list().map(\.name)) ?? []
            return kept.contains { $0.hasPrefix(version + ".") }
        }
        return (VirtualManager.hasUV ? [(.uv, "3")] : [])
            + (versions.isEmpty ? ["3"] : versions).map { (.virtualenv, $0) }
    }

    @Test(arguments: cases)
    func `the entry point sees what sourcing the activation script gives`(kind: VirtualManager, version: String)
        async throws
    {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '\(version)'\n"])
        var request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        if let home = environmentVariable("HOME") { request.variables["PYENV_ROOT"] = "\(home)/.pyenv" }
        let environment = try await kind.manager.prepare(request)
        let folder = try #require(environment.folder)
        let callers: [[String: String]] = [
            [:], ["PYTHONHOME": "/usr"], ["VIRTUAL_ENV_DISABLE_PROMPT": "1"], ["PS1": "mine", "VIRTUAL_ENV": "/other"],
            ["VIRTUAL_ENV_DISABLE_PROMPT": ""],
        ]
        for caller in callers {
            let variables = request.variables.merging(caller) { $1 }
            let expected = try await fixture.shell("source \(folder)/bin/activate && env -0", variables)
            request.variables = variables
            let ours = try await kind.manager.prepare(request)
            let text = [ours.shellPrefix, "env -0"].compactMap { $0 }.joined(separator: " && ")
            #expect(lines(try await fixture.shell(text, ours.applied(to: variables))) == lines(expected), "\(caller)")
            for name in caller.keys { request.variables[name] = nil }
        }
    }

    private func lines(_ output: String) -> [String] {
        output.split(separator: "\0").map(String.init).filter { !$0.hasPrefix("_=") && !$0.hasPrefix("SHLVL=") }
            .sorted()
    }

    @Test func `C-10 a manager's result sets nothing but its own variables`() {
        let activation = VirtualActivation(probed: "prompt=x\nps1=(x) \ndisabled\nLD_PRELOAD=/evil.so\nPATH=/evil\n")
        #expect(activation == VirtualActivation(prompt: "x", promptWhenDisabled: nil, shellPrompt: "(x) "))
        #expect(
            activation?.variables(for: "/e", isPromptDisabled: false).keys.sorted() == [
                "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT",
            ])
    }

    @Test func `a prompt with shell text in it stays text`() {
        let activation = VirtualActivation(prompt: nil, promptWhenDisabled: nil, shellPrompt: "($(id)'`x`) ")
        #expect(activation.shellPrefix(isPromptDisabled: false) == "export PS1='($(id)'\"'\"'`x`) '")
    }

    @Test(arguments: ["", "prompt=x\n", "ps1\nprompt\ndisabled\n"])
    func `a probe that makes no sense is ignored`(output: String) {
        #expect(VirtualActivation(probed: output) == nil)
    }

    @Test func `variables are put together as the script does it`() {
        let environment = PreparedEnvironment(
            managerTag: "uv", variables: ["A": "1"], pathPrefixes: ["/x/bin", "/y"], removedVariables: ["B"],
            fingerprint: "f")
        #expect(environment.applied(to: ["A": "0", "B": "2", "PATH": "/bin"]) == ["A": "1", "PATH": "/x/bin:/y:/bin"])
        #expect(environment.applied(to: [:])["PATH"] == "/x/bin:/y:")
        let local = PreparedEnvironment(managerTag: nil, fingerprint: "local")
        #expect(local.applied(to: ["A": "0"]) == ["A": "0"])
    }
}
