package import Testing

/// Collects the promises that were broken, for the conformance kits.
struct Promises {
    private(set) var texts: [String] = []

    mutating func unless(_ kept: Bool, _ promise: String) {
        if !kept { texts.append(promise) }
    }
}

/// Records each broken promise as an issue, because of a comparison with the empty list an expectation shows no more than that.
package func expectKept(_ broken: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    for promise in broken { Issue.record("broken: \(promise)", sourceLocation: sourceLocation) }
}
