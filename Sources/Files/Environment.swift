import Glibc

/// This process's whole environment; entries without `=` or that are no UTF-8 are repaired, not dropped.
package func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
        let pair = unsafe String(cString: text)
        if let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) {
            variables[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        unsafe entry += 1
    }
    return variables
}
