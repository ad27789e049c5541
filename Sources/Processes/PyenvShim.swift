import Files
package import SystemPackage

/// The program that a command of pyenv's starts, where that can be told without asking pyenv, which takes longer than many a step.
///
/// pyenv puts a script for each command on `PATH`, which chooses a version and becomes that version's program. The version is named by
/// `PYENV_VERSION`, by the nearest `.python-version`, or by pyenv's own `version` (https://github.com/pyenv/pyenv#understanding-python-version-selection).
///
/// - Parameters:
///   - program: what was found on `PATH`.
///   - workingDirectory: where the command is run.
/// - Returns: nil for what is no command of pyenv's, and where more than one version, a version by halves, the system's, or somebody's
///   hook have a say.
package func programBehindPyenv(
    _ program: FilePath, variables: [String: String], workingDirectory: FilePath
) -> FilePath? {
    let shims = program.removingLastComponent()
    let root = shims.removingLastComponent()
    guard let name = program.lastComponent, shims.lastComponent?.string == "shims",
        let script = try? readFile(program, limit: 4096),
        String(decoding: script, as: UTF8.self).contains("\nexec \"\(root)/libexec/pyenv\" exec \"$program\" \"$@\""),
        !hasHooks(root, variables),
        let version = version(root, variables, workingDirectory)
    else { return nil }
    return findExecutable(
        root.appending("versions").appending(version).appending("bin").appending(name).string, searchPath: nil)
}

private func version(_ root: FilePath, _ variables: [String: String], _ workingDirectory: FilePath) -> String? {
    let name: String
    if let wanted = variables["PYENV_VERSION"], !wanted.isEmpty {
        name = wanted
    } else {
        let folders = [variables["PYENV_DIR"].map { FilePath($0) }, workingDirectory].compactMap(\.self)
        guard folders.allSatisfy(\.isAbsolute) else { return nil }
        let file = folders.lazy.compactMap(localVersionFile).first ?? root.appending("version")
        guard let bytes = try? readFile(file, limit: 1024) else { return nil }
        // Of each line the first word.
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .compactMap { $0.split(whereSeparator: \.isWhitespace).first }.filter { !$0.hasPrefix("#") }
        guard let word = words.first, words.count == 1 else { return nil }
        name = String(word)
    }
    // The system's is whatever else is on `PATH`; several have colons between them.
    let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || "._-+".contains($0) }
    return isPlain && !name.hasPrefix(".") && name != "system" ? name : nil
}

private func localVersionFile(_ folder: FilePath) -> FilePath? {
    var folder = folder.lexicallyNormalized()
    while true {
        let file = folder.appending(".python-version")
        if fileStatus(file)?.kind == .file { return file }
        guard folder.removeLastComponent() else { return nil }
    }
}

/// Whether somebody's hook may choose another version or program.
private func hasHooks(_ root: FilePath, _ variables: [String: String]) -> Bool {
    if variables["PYENV_HOOK_PATH"]?.isEmpty == false { return true }
    let systems: [FilePath] = ["/usr/etc/pyenv.d", "/usr/local/etc/pyenv.d", "/etc/pyenv.d", "/usr/lib/pyenv/hooks"]
    if systems.contains(where: { fileStatus($0) != nil }) { return true }
    let plugins = root.appending("plugins")
    let names = (try? Directory(opening: plugins).list().map(\.name)) ?? []
    let folders =
        [root.appending("pyenv.d")] + names.map { plugins.appending($0).appending("etc").appending("pyenv.d") }
    return folders.contains { folder in
        // Those of pyenv-virtualenv look for what a version does not have.
        let isKnown = folder.string.hasSuffix("/pyenv-virtualenv/etc/pyenv.d")
        return fileStatus(folder.appending("version-name")) != nil
            || !isKnown && fileStatus(folder.appending("which")) != nil
    }
}
