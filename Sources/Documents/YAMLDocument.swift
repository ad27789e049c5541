package import Diagnostics

/// A YAML file of one document, read within limits.
///
/// Aliases are expanded, merge keys (`<<`) applied, and of equal keys the last one stands, with a warning that names
/// both places. Tags outside YAML's core, aliases that contain themselves and more than one document are errors.
package struct YAMLDocument: Sendable {
    /// `nil` for a file without content.
    package let root: YAMLNode?
    package let warnings: [Diagnostic]

    /// - Parameter file: the name to show in messages.
    package init(parsing bytes: [UInt8], file: String, limits: DocumentLimits = .yaml) throws(InvalidInput) {
        let content = try checkedUTF8(bytes, file: file, limits: limits)
        var reader = try YAMLEventReader(content, file: file)
        var builder = YAMLTreeBuilder(limits: limits)
        reading: while true {
            let event = try reader.next()
            if case .streamEnd = event.kind { break reading }
            try builder.take(event)
        }
        root = builder.root?.node
        warnings = builder.warnings
    }
}

/// Builds the tree from events with a stack of its own, so that no depth of input reaches the thread's stack.
private struct YAMLTreeBuilder {
    /// A finished node, with what it weighs once its aliases are expanded.
    struct Built {
        var node: YAMLNode
        var nodes: Int
        var height: Int
    }

    /// A list or mapping whose end has not come yet.
    struct Open {
        var isMapping: Bool
        var anchor: String?
        var tag: YAMLTag?
        var location: SourceLocation
        var children: [YAMLNode] = []
        var nodes = 1
        var height = 1
    }

    let limits: DocumentLimits
    var root: Built?
    var warnings: [Diagnostic] = []
    private var open: [Open] = []
    private var anchors: [String: Built] = [:]
    private var documents = 0
    private var nodes = 0

    init(limits: DocumentLimits) {
        self.limits = limits
    }

    mutating func take(_ event: YAMLEvent) throws(InvalidInput) {
        switch event.kind {
        case .streamStart, .streamEnd, .documentEnd: break
        case .documentStart:
            documents += 1
            guard documents == 1 else {
                throw InvalidInput(
                    "a second document starts here, but the file may hold only one", at: event.location,
                    remedy: "remove the '---' line")
            }
        case .alias(let name):
            try add(aliased(name, at: event.location), at: event.location)
        case .scalar(let scalar, let anchor, let tag):
            let core = try coreTag(tag, isForScalar: true, at: event.location)
            guard !scalar.text.utf8.contains(0) else {
                throw InvalidInput("a NUL character in a value", at: event.location, remedy: "remove the '\\0'")
            }
            let node = YAMLNode(.scalar(scalar), tag: core, location: event.location)
            try finish(Built(node: node, nodes: 1, height: 1), anchor: anchor, at: event.location)
        case .sequenceStart(let anchor, let tag):
            try start(isMapping: false, anchor: anchor, tag: tag, at: event.location)
        case .mappingStart(let anchor, let tag):
            try start(isMapping: true, anchor: anchor, tag: tag, at: event.location)
        case .sequenceEnd, .mappingEnd:
            guard let ended = open.popLast() else { return }
            let content: YAMLNode.Content = ended.isMapping ? .mapping(try pairs(of: ended)) : .sequence(ended.children)
            let node = YAMLNode(content, tag: ended.tag, location: ended.location)
            try finish(
                Built(node: node, nodes: ended.nodes, height: ended.height), anchor: ended.anchor, at: ended.location)
        }
    }

    private mutating func start(
        isMapping: Bool, anchor: String?, tag: String?, at location: SourceLocation
    ) throws(InvalidInput) {
        guard open.count < limits.depth else { throw tooDeep(at: location) }
        let core = try coreTag(tag, isForScalar: false, at: location)
        guard core == nil || (core == .mapping) == isMapping else {
            throw InvalidInput("the tag '!!\(core?.rawValue ?? "")' does not fit what follows it", at: location)
        }
        // Until its end an anchor has no value: an alias to it in between would contain itself.
        if let anchor { anchors[anchor] = nil }
        open.append(Open(isMapping: isMapping, anchor: anchor, tag: core, location: location))
    }

    private mutating func finish(_ built: Built, anchor: String?, at location: SourceLocation) throws(InvalidInput) {
        if let anchor { anchors[anchor] = built }
        try add(built, at: location)
    }

    private mutating func add(_ built: Built, at location: SourceLocation) throws(InvalidInput) {
        guard open.count + built.height <= limits.depth + 1 else { throw tooDeep(at: location) }
        guard var parent = open.popLast() else {
            root = built
            return
        }
        parent.children.append(built.node)
        // Cannot overflow: both are at most the limit.
        parent.nodes += built.nodes
        parent.height = max(parent.height, built.height + 1)
        guard parent.nodes <= limits.nodes else {
            throw InvalidInput(
                "the file has more than \(limits.nodes) values once its aliases are expanded", at: location)
        }
        open.append(parent)
    }

    private func aliased(_ name: String, at location: SourceLocation) throws(InvalidInput) -> Built {
        if let built = anchors[name] { return built }
        if open.contains(where: { $0.anchor == name }) {
            throw InvalidInput(
                "the alias '*\(name)' stands inside the value it names, so it would contain itself", at: location)
        }
        throw InvalidInput(
            "the alias '*\(name)' names no anchor", at: location,
            remedy: suggestion(for: name, among: anchors.keys, kind: "anchors"))
    }

    private func tooDeep(at location: SourceLocation) -> InvalidInput {
        InvalidInput("values are nested deeper than \(limits.depth) levels", at: location)
    }

    private func coreTag(_ tag: String?, isForScalar: Bool, at location: SourceLocation) throws(InvalidInput)
        -> YAMLTag?
    {
        guard let tag, tag != "!" else { return nil }
        guard let core = YAMLTag(uri: tag), core.isForScalars == isForScalar else {
            let shown = tag.hasPrefix(YAMLTag.prefix) ? "!!\(tag.dropFirst(YAMLTag.prefix.count))" : tag
            throw InvalidInput("the tag '\(shown)' is not allowed here", at: location, remedy: "remove the tag")
        }
        return core
    }

    /// The pairs of an ended mapping: merged ones first, then its own, of equal keys the last.
    private mutating func pairs(of mapping: Open) throws(InvalidInput) -> [YAMLPair] {
        var pairs = OrderedPairs()
        var own = OrderedPairs()
        for index in stride(from: 0, to: mapping.children.count - 1, by: 2) {
            let pair = YAMLPair(key: mapping.children[index], value: mapping.children[index + 1])
            if pair.key.isMergeKey {
                for merged in try mergedPairs(pair.value) { pairs.set(merged) }
                continue
            }
            guard pair.key.text != nil else {
                throw InvalidInput("a key must be text, not a list or a mapping", at: pair.key.location)
            }
            if let earlier = own.set(pair) { warn(of: pair, earlier) }
        }
        for pair in own.pairs { pairs.set(pair) }
        return pairs.pairs
    }

    private mutating func warn(of pair: YAMLPair, _ earlier: YAMLPair) {
        let line = earlier.key.location.line.map { "line \($0)" } ?? "an earlier place"
        warnings.append(
            Diagnostic(
                .warning, code: "duplicate-key", at: pair.key.location,
                "'\(pair.key.text ?? "")' is given a second time, and this value replaces the one of \(line)",
                remedy: "remove one of the two"))
    }

    private func mergedPairs(_ node: YAMLNode) throws(InvalidInput) -> [YAMLPair] {
        switch node.content {
        case .mapping(let pairs): return pairs
        case .sequence(let items):
            var merged: [YAMLPair] = []
            // Of several merged mappings the first has precedence, so it is set last.
            for item in items.reversed() {
                guard case .mapping(let pairs) = item.content else {
                    throw InvalidInput("'<<' can merge mappings only", at: item.location)
                }
                merged += pairs
            }
            return merged
        case .scalar:
            throw InvalidInput("'<<' can merge a mapping or a list of mappings only", at: node.location)
        }
    }
}

/// Pairs in order of first appearance, each key once.
///
/// Keys are equal if PyYAML reads the same value from them.
private struct OrderedPairs {
    private(set) var pairs: [YAMLPair] = []
    private var positions: [YAMLValue: Int] = [:]

    /// Returns the pair that was replaced.
    @discardableResult
    mutating func set(_ pair: YAMLPair) -> YAMLPair? {
        let identity = (try? pair.key.value().asKey) ?? .string(pair.key.text ?? "")
        guard let position = positions[identity] else {
            positions[identity] = pairs.count
            pairs.append(pair)
            return nil
        }
        let replaced = pairs[position]
        // A Python dictionary keeps the first of two equal keys, which matters if they are written differently (`1`,
        // `true`).
        let key = replaced.key.text == pair.key.text ? pair.key : replaced.key
        pairs[position] = YAMLPair(key: key, value: pair.value)
        return replaced
    }
}

extension YAMLValue {
    /// What Python compares when it looks a key up: `true`, `1` and `1.0` are one key.
    fileprivate var asKey: YAMLValue {
        switch self {
        case .bool(let flag): .int(flag ? "1" : "0")
        case .float(let number): Int(exactly: number).map { .int(String($0)) } ?? self
        default: self
        }
    }
}

extension YAMLNode {
    fileprivate var isMergeKey: Bool {
        if case .scalar(let scalar) = content { scalar.isPlain && scalar.text == "<<" } else { false }
    }
}
