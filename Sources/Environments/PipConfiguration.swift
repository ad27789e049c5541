import Files
import SystemPackage

/// Where pip is told to find packages: its variables and configuration files.
///
/// uv reads none of this, so on a machine whose pip goes through a company's mirror or proxy, uv would not find anything. What uv is not told
/// itself is passed on to it in its own variables.
struct PipConfiguration: Equatable {
    var indexURL: String?
    var extraIndexURLs: [String] = []
    var findLinks: [String] = []
    var trustedHosts: [String] = []
    var certificate: String?
    var proxy: String?

    private static let sizeLimit = 1 << 20

    init() {}

    /// Reads what pip itself would: global, user, and `PIP_CONFIG_FILE` files, then variables; later ones win.
    init(variables: [String: String]) {
        let files = Self.files(variables).compactMap { try? readFile($0, limit: Self.sizeLimit) }
            .map { Self.values(of: String(decoding: $0, as: UTF8.self)) }
        // `[install]` wins over `[global]`, also over that of a later file.
        for section in ["global", "install"] {
            for file in files { for (key, value) in file[section] ?? [:] { set(key, value) } }
        }
        for (name, value) in variables where name.hasPrefix("PIP_") && !value.isEmpty {
            set(Self.normalized(String(name.dropFirst(4))), value)
        }
    }

    private static func files(_ variables: [String: String]) -> [FilePath] {
        let chosen = variables["PIP_CONFIG_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        if chosen == "/dev/null" { return [] }
        let systemFolders = (variables["XDG_CONFIG_DIRS"].flatMap { $0.isEmpty ? nil : $0 } ?? "/etc/xdg").split(
            separator: ":")
        var files = systemFolders.map { FilePath(String($0)).appending("pip").appending("pip.conf") }
        files.append("/etc/pip.conf")
        // As in pip, a file named by the variable takes the place of the user's.
        if let chosen, fileStatus(FilePath(chosen)) != nil { return files + [FilePath(chosen)] }
        if let home = variables["HOME"].flatMap({ $0.isEmpty ? nil : FilePath($0) }) {
            files.append(home.appending(".pip").appending("pip.conf"))
            let configuration = variables["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : FilePath($0) }
            files.append((configuration ?? home.appending(".config")).appending("pip").appending("pip.conf"))
        }
        return files
    }

    private mutating func set(_ key: String, _ value: String) {
        let words = value.split(whereSeparator: \.isWhitespace).map(String.init)
        switch key {
        case "index-url", "pypi-url": indexURL = words.first
        case "extra-index-url": extraIndexURLs = words
        case "find-links": findLinks = words
        case "trusted-host": trustedHosts = words
        case "cert": certificate = value
        case "proxy": proxy = words.first
        default: break
        }
    }

    // MARK: The file format

    /// The sections of an INI file as Python's parser reads them: `key = value` or `key: value`, indented lines continue a value.
    static func values(of text: String) -> [String: [String: String]] {
        var sections: [String: [String: String]] = [:]
        var section = ""
        var key: String?
        for line in pythonLines(text) {
            let content = strippedByPython(line)
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if let first = line.first, first.isWhitespace, let key {
                sections[section, default: [:]][key, default: ""] += "\n" + content
            } else if content.hasPrefix("["), content.hasSuffix("]") {
                section = String(content.dropFirst().dropLast())
                key = nil
            } else if let separator = content.firstIndex(where: { $0 == "=" || $0 == ":" }) {
                let name = normalized(strippedByPython(String(content[..<separator])))
                sections[section, default: [:]][name] = strippedByPython(
                    String(content[content.index(after: separator)...]))
                key = name
            }
        }
        return sections
    }

    private static func normalized(_ name: String) -> String {
        let name = String(name.lowercased().map { $0 == "_" ? "-" : $0 })
        return name.hasPrefix("--") ? String(name.dropFirst(2)) : name
    }

    // MARK: For uv

    /// The variables that tell uv the same, leaving alone all that uv is already told by variables or files.
    func uvVariables(for request: EnvironmentRequest) -> [String: String] {
        let given = request.variables
        func isGiven(_ names: String...) -> Bool { names.contains { given[$0]?.isEmpty == false } }
        var result: [String: String] = [:]
        if !isGiven("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX"),
            !UVConfiguration(request).namesIndex
        {
            result["UV_DEFAULT_INDEX"] = indexURL
            if !extraIndexURLs.isEmpty { result["UV_INDEX"] = extraIndexURLs.joined(separator: " ") }
        }
        if !findLinks.isEmpty, !isGiven("UV_FIND_LINKS") { result["UV_FIND_LINKS"] = findLinks.joined(separator: ",") }
        if !trustedHosts.isEmpty, !isGiven("UV_INSECURE_HOST") {
            result["UV_INSECURE_HOST"] = trustedHosts.joined(separator: " ")
        }
        if !isGiven("SSL_CERT_FILE", "SSL_CERT_DIR") { result["SSL_CERT_FILE"] = certificate }
        if !isGiven("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy") {
            result["ALL_PROXY"] = proxy
        }
        return result
    }
}

/// The configuration files of uv, as far as we need to know them.
struct UVConfiguration {
    private let texts: [String]

    init(_ request: EnvironmentRequest) {
        let limit = 1 << 20
        let variables = request.variables
        var contents: [[UInt8]?] = []
        if let chosen = variables["UV_CONFIG_FILE"], !chosen.isEmpty {
            contents.append(try? readFile(FilePath(chosen), limit: limit))
        } else {
            let project = try? Directory(opening: request.projectRoot)
            contents += ["uv.toml", "pyproject.toml"].map { try? project?.readFile(RelativePath($0), limit: limit) }
            let home = variables["HOME"].map { FilePath($0).appending(".config") }
            let user = variables["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : FilePath($0) } ?? home
            contents += [user, "/etc/xdg", "/etc"].compactMap { $0?.appending("uv").appending("uv.toml") }
                .map { try? readFile($0, limit: limit) }
        }
        texts = contents.compactMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether any of them names a package index, in whatever table: then pip's settings are not uv's business.
    var namesIndex: Bool {
        let keys = ["[[index]]", "[[tool.uv.index]]", "index-url=", "extra-index-url=", "no-index=true", "index="]
        return texts.contains { text in
            pythonLines(text).contains { line in
                let line = line.filter { !$0.isWhitespace }
                return keys.contains(where: line.hasPrefix)
            }
        }
    }
}
