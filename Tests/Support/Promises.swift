/// Collects the promises that were broken, for the conformance kits.
struct Promises {
    private(set) var texts: [String] = []

    mutating func unless(_ kept: Bool, _ promise: String) {
        if !kept { texts.append(promise) }
    }
}
