/// A new run id: a random (version 4) UUID as 32 lower-case hexadecimal digits.
package func makeRunID() -> String {
    randomHexadecimalID()
}

/// A new id of a logged model.
package func makeLoggedModelID() -> String {
    "m-" + randomHexadecimalID()
}

/// A random (version 4) UUID as 32 lower-case hexadecimal digits, for rows that only need to be distinct.
package func randomHexadecimalID() -> String {
    var generator = SystemRandomNumberGenerator()
    let high = (generator.next() as UInt64) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = (generator.next() as UInt64) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return [high, low].map { half in
        let digits = String(half, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
}

/// Whether text has the form of a run id: a letter or digit, then up to 255 letters, digits, `_` or `-`.
package func isRunID(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, first.isASCII, first.isWordCharacter, first != "_" else {
        return false
    }
    return text.utf8.count <= 1024 && text.unicodeScalars.count <= 256
        && text.unicodeScalars.allSatisfy { $0.isWordCharacter || $0 == "-" }
}

/// A random name for a run or model: `adjective-noun-number`, at most 20 characters.
package func makeRandomName() -> String {
    makeRandomName(using: SystemRandomNumberGenerator())
}

func makeRandomName(using source: some RandomNumberGenerator) -> String {
    var generator = source
    let adjective = adjectives.randomElement(using: &generator) ?? "plain"
    let noun = nouns.randomElement(using: &generator) ?? "run"
    // The longest adjective and noun have 7 letters each, so that two hyphens and four digits fit into 20.
    return "\(adjective)-\(noun)-\(Int.random(in: 0...1000, using: &generator))"
}

let adjectives = [
    "able", "agile", "amber", "apt", "bold", "brave", "brief", "bright", "brisk", "calm", "careful", "casual", "clean",
    "clear", "clever", "cosmic", "crisp", "curious", "daring", "dapper", "deft", "eager", "early", "easy", "exact",
    "fair", "famous", "fancy", "fast", "fine", "fluent", "fond", "frank", "free", "fresh", "gentle", "glad", "golden",
    "good", "grand", "happy", "hardy", "honest", "humble", "ideal", "jolly", "keen", "kind", "lively", "lucid", "lucky",
    "mellow", "merry", "mighty", "modest", "neat", "nimble", "noble", "novel", "patient", "placid", "polite", "proud",
    "quick", "quiet", "rapid", "rare", "ready", "robust", "rustic", "sharp", "shiny", "silent", "simple", "sleek",
    "smart", "smooth", "snug", "solid", "sound", "spry", "steady", "stoic", "sunny", "swift", "tidy", "upbeat",
    "useful",
    "valiant", "vivid", "warm", "wise", "witty", "zany", "zesty",
]

let nouns = [
    "alder", "ant", "aspen", "auk", "badger", "bass", "bat", "bear", "beaver", "bee", "beetle", "birch", "bison",
    "boar",
    "bream", "camel", "carp", "cat", "cedar", "cod", "condor", "cow", "crab", "crane", "crow", "deer", "doe", "dolphin",
    "dove", "duck", "eagle", "eel", "elk", "elm", "falcon", "fawn", "ferret", "finch", "fish", "fox", "frog", "gnu",
    "goat", "goose", "grouse", "gull", "hare", "hawk", "hazel", "heron", "horse", "hound", "ibex", "jay", "kestrel",
    "koala", "lamb", "lark", "larch", "lemur", "linnet", "lion", "llama", "loon", "lynx", "maple", "mink", "mole",
    "moose", "moth", "mouse", "mule", "newt", "oak", "orca", "osprey", "otter", "owl", "ox", "panda", "perch", "pike",
    "pine", "plover", "pony", "puffin", "quail", "rabbit", "ram", "raven", "robin", "rook", "rowan", "salmon", "seal",
    "shark", "sheep", "shrew", "shrike", "skink", "sloth", "snail", "sole", "sparrow", "stag", "stoat", "stork", "swan",
    "swift", "tapir", "teal", "tern", "thrush", "tiger", "toad", "trout", "tuna", "turtle", "vole", "walrus", "wasp",
    "weasel", "whale", "willow", "wolf", "wren", "yak", "zebra",
]

extension Unicode.Scalar {
    /// What MLflow's patterns mean by a word character: letters and numbers of any script, and the underscore.
    var isWordCharacter: Bool {
        switch value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        case 0..<0x80: false
        default: properties.isLetterOrNumber
        }
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isLetterOrNumber: Bool {
        switch generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: numericType != nil
        }
    }
}
