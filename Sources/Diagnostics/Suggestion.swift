/// The known name nearest to a misspelt one, if any is near enough to be what was meant.
///
/// Distance is Damerau–Levenshtein (optimal string alignment) over lower-cased characters; a third of the length may differ.
package func nearestName(to name: String, among known: some Sequence<String>) -> String? {
    guard name.count <= 200 else { return nil }
    let limit = max(1, name.count / 3)
    return known.filter { $0.count <= 200 }
        .map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
        .filter { $0.distance <= limit }
        .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

/// `did you mean 'x'?`, or the list of what is known when nothing is near.
package func suggestion(for name: String, among known: some Collection<String>, kind: String) -> String? {
    if let nearest = nearestName(to: name, among: known) { return "did you mean '\(nearest)'?" }
    guard !known.isEmpty else { return nil }
    let shown = known.sorted().prefix(12).map { "'\($0)'" }.joined(separator: ", ")
    return "known \(kind): \(shown)\(known.count > 12 ? ", …" : "")"
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left)
    let b = Array(right)
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
        var current = [i + 1]
        for j in b.indices {
            var best = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforePrevious[j - 1] + 1) }
            current.append(best)
        }
        beforePrevious = previous
        previous = current
    }
    return previous.last ?? 0
}
