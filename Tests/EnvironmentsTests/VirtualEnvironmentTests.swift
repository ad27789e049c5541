import Environments
import Files
import Processes
import SystemPackage
import Testing

/// uv and virtualenv must pass the same tests; packages come from a folder of wheels, so no network is needed.
enum VirtualManager: String, CaseIterable, Sendable {
    case uv, virtualenv

    var manager: any EnvironmentManager { self == .uv ? UVEnvironment() : VirtualenvEnvironment() }

    static var available: [VirtualManager] {
        let hasUV = findExecutable("uv", searchPath: EnvironmentFixture.toolsPath) != nil
        let isRequired = environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"
        return hasUV || isRequired ? allCases : [.virtualenv]
    }
}

@Suite(.timeLimit(.minutes(5)))
struct VirtualEnvironmentTests {
    @Test(arguments: VirtualManager.available)
    func `an environment is built once and then reused without starting a tool`(kind: VirtualManager) async throws {
        let fixture = try EnvironmentFixture(["python_env.yaml": "python: '3.11'\n"])
        let request = fixture.request(.pythonEnv(try RelativePath("python_env.yaml")))
        let first = try await kind.manager.prepare(request)
        #expect(first.wasBuilt)
        #expect(first.managerTag == kind.rawValue)
        #expect(first.folder?.lastComponent?.string == "mlflow-7d02741626a7f30018141d8c45145cde79332a7a")
        fixture.starter.forget()
        let second = try await kind.manager.prepare(request)
        #expect(!second.wasBuilt)
        #expect(fixture.starter.commands == [])
        #expect(second.variables == first.variables)
        #expect(second.shellPrefix == first.shellPrefix)
    }
}
