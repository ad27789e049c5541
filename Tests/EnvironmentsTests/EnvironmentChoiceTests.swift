import Diagnostics
import Testing

@testable import Environments

struct EnvironmentChoiceTests {
    @Test(arguments: [
        (EnvironmentChoice.Declaration.pythonEnv, nil as String?, true, EnvironmentManagerName.uv),
        (.pythonEnv, nil, false, .virtualenv),
        (.pythonEnv, "virtualenv", true, .virtualenv),
        (.pythonEnv, "uv", false, .uv),
        (.pythonEnv, "local", true, .local),
        (.condaEnv, nil, true, .conda),
        (.condaEnv, "uv", true, .uv),
        (.condaEnv, "virtualenv", true, .virtualenv),
        (.condaEnv, "local", true, .local),
        (.condaEnv, "conda", true, .conda),
        (.nothing, "uv", true, .uv),
        (.nothing, "virtualenv", false, .virtualenv),
        (.nothing, "local", true, .local),
    ])
    func `the declaration and the option decide on the manager`(
        declaration: EnvironmentChoice.Declaration, option: String?, hasUV: Bool, manager: EnvironmentManagerName
    ) throws {
        let choice = try EnvironmentChoice(for: declaration, option: option, hasUV: hasUV)
        #expect(choice == .manager(manager, notice: nil))
    }

    @Test func `a project that declares nothing runs locally and says so`() throws {
        let choice = try EnvironmentChoice(for: .nothing, option: nil, hasUV: true)
        guard case .manager(.local, let notice) = choice else {
            Issue.record("\(choice)")
            return
        }
        #expect(notice?.contains("declares no environment") == true)
    }

    @Test(arguments: [nil, "local", "uv", "conda"])
    func `a docker project runs in its image whatever is asked for`(option: String?) throws {
        #expect(try EnvironmentChoice(for: .dockerEnv, option: option, hasUV: true) == .docker)
    }

    @Test(arguments: [EnvironmentChoice.Declaration.pythonEnv, .nothing])
    func `conda for a python project is refused with a way out`(declaration: EnvironmentChoice.Declaration) {
        let error = #expect(throws: EnvironmentError.self) {
            try EnvironmentChoice(for: declaration, option: "conda", hasUV: true)
        }
        #expect(error?.reason == .managerDoesNotFit)
        #expect(error?.description.contains("'uv', 'virtualenv' or 'local'") == true)
    }

    @Test func `an unknown manager is refused with the nearest name`() {
        let error = #expect(throws: EnvironmentError.self) {
            try EnvironmentChoice(for: .pythonEnv, option: "virtualnev", hasUV: true)
        }
        #expect(error?.reason == .unknownManager)
        #expect(error?.description.contains("did you mean 'virtualenv'?") == true)
    }

    @Test func `a nested run inherits the manager, and its own option wins`() throws {
        #expect(
            try EnvironmentChoice(for: .pythonEnv, option: nil, inherited: "virtualenv", hasUV: true)
                == .manager(.virtualenv, notice: nil))
        #expect(
            try EnvironmentChoice(for: .pythonEnv, option: "local", inherited: "virtualenv", hasUV: true)
                == .manager(.local, notice: nil))
        #expect(
            try EnvironmentChoice(for: .nothing, option: nil, inherited: "local", hasUV: true)
                == .manager(.local, notice: nil))
    }

    @Test func `an inherited conda gives way to a python project`() throws {
        #expect(
            try EnvironmentChoice(for: .pythonEnv, option: nil, inherited: "conda", hasUV: true)
                == .manager(.uv, notice: nil))
    }

    @Test func `a misspelt inherited manager is an error that names the variable`() {
        let error = #expect(throws: EnvironmentError.self) {
            try EnvironmentChoice(for: .pythonEnv, option: nil, inherited: "vu", hasUV: true)
        }
        #expect(error?.description.contains("SWIFTFLOW_ENV_MANAGER") == true)
    }
}
