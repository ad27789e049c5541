import Processes
import SystemPackage

/// What `bin/activate` of a virtual environment does to its caller, so that no shell has to source it.
///
/// The scripts of uv and of each version of `venv` differ in the prompt alone. It is taken from the script itself when the environment is
/// built, before any package is installed; everything else is fixed here, so no package can slip in variables of its own.
struct VirtualActivation: Sendable, Equatable {
    /// `VIRTUAL_ENV_PROMPT`; nil for versions that do not set it.
    var prompt: String?
    /// The same when the caller has set `VIRTUAL_ENV_DISABLE_PROMPT`.
    var promptWhenDisabled: String?
    /// What is put in front of `PS1`.
    var shellPrompt: String

    init(prompt: String?, promptWhenDisabled: String?, shellPrompt: String) {
        self.prompt = prompt
        self.promptWhenDisabled = promptWhenDisabled
        self.shellPrompt = shellPrompt
    }

    /// What current versions of uv and `venv` do.
    init(name: String) {
        self.init(prompt: name, promptWhenDisabled: name, shellPrompt: "(\(name)) ")
    }

    func variables(for folder: FilePath, isPromptDisabled: Bool) -> [String: String] {
        var variables = ["VIRTUAL_ENV": folder.string]
        variables["VIRTUAL_ENV_PROMPT"] = isPromptDisabled ? promptWhenDisabled : prompt
        return variables
    }

    func removedVariables(isPromptDisabled: Bool) -> Set<String> {
        let current = isPromptDisabled ? promptWhenDisabled : prompt
        return current == nil ? ["PYTHONHOME", "VIRTUAL_ENV_PROMPT"] : ["PYTHONHOME"]
    }

    /// Exports the prompt, as sourcing the script would: a shell that runs a command drops an inherited `PS1`.
    func shellPrefix(isPromptDisabled: Bool) -> String? {
        isPromptDisabled ? nil : "export PS1=\(shellQuoted(shellPrompt))"
    }

    /// A shell program that prints what `$0/bin/activate` sets, one `key=value` a line; a variable that is not set has no `=`.
    static let probe = """
        activate="$0/bin/activate"
        (unset VIRTUAL_ENV_DISABLE_PROMPT VIRTUAL_ENV_PROMPT; PS1=; . "$activate" >/dev/null
        printf '%s\\n' "prompt${VIRTUAL_ENV_PROMPT+=$VIRTUAL_ENV_PROMPT}" "ps1=$PS1")
        (unset VIRTUAL_ENV_PROMPT; VIRTUAL_ENV_DISABLE_PROMPT=1; . "$activate" >/dev/null
        printf '%s\\n' "disabled${VIRTUAL_ENV_PROMPT+=$VIRTUAL_ENV_PROMPT}")
        """

    /// Reads what `probe` printed; nil if it makes no sense.
    init?(probed output: String) {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        func value(_ key: String) -> (isThere: Bool, text: String?) {
            guard let line = lines.first(where: { $0 == key || $0.hasPrefix(key + "=") }) else { return (false, nil) }
            return (true, line == key ? nil : String(line.dropFirst(key.count + 1)))
        }
        let (prompt, disabled, shell) = (value("prompt"), value("disabled"), value("ps1"))
        guard prompt.isThere, disabled.isThere, let shellPrompt = shell.text else { return nil }
        self.init(prompt: prompt.text, promptWhenDisabled: disabled.text, shellPrompt: shellPrompt)
    }
}
