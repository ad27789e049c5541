import Files
package import SystemPackage

extension DigestCache {
    /// What a program says of its version: remembered by the program's content, since the same program says the same.
    ///
    /// Only of a program by itself: a script such as pyenv's may start another one tomorrow. Links are to be followed by the caller.
    package func version(of program: FilePath, asking ask: () async -> String?) async -> String? {
        guard let file = versionsFile, isNativeProgram(program), let digest = try? digest(ofFile: program)
        else { return await ask() }
        if let known = ProgramVersions.read(file)[digest.hex] { return known + "\n" }
        guard let answer = await ask() else { return nil }
        ProgramVersions.add(answer, of: digest, to: file)
        return answer
    }
}

/// The form of the file that keeps versions: a line for each program, with the digest of its content and what it says.
enum ProgramVersions {
    private static let sizeLimit = 64 << 10
    private static let longest = 200

    static func read(_ file: FilePath) -> [String: String] {
        guard let bytes = try? readFile(file, limit: sizeLimit) else { return [:] }
        var versions: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, ContentDigest(hex: String(words[0])) != nil else { continue }
            versions[String(words[0])] = String(words[1])
        }
        return versions
    }

    /// Keeps an answer of one line; anything else is asked for again.
    static func add(_ answer: String, of digest: ContentDigest, to file: FilePath) {
        var line = answer[...]
        guard line.popLast() == "\n", !line.isEmpty, !line.contains("\n"), line.utf8.count <= longest,
            line.first != " ", let name = file.lastComponent?.string, let path = try? RelativePath(name),
            let folder = try? Directory(creating: file.removingLastComponent())
        else { return }
        var versions = read(file)
        versions[digest.hex] = String(line)
        if versions.count * (longest + 66) > sizeLimit { versions = [digest.hex: String(line)] }
        let text = versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
        // Losing it costs time only.
        _ = try? folder.writeFile(path, Array(text.utf8))
    }
}
