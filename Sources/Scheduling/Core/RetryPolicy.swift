import Glibc

/// How often and after which delays a failed attempt is repeated.
package struct RetryPolicy: Sendable, Hashable {
    /// How many attempts may follow the first.
    package var times: Int
    package var delay: Milliseconds
    /// By how much each delay is longer than the one before.
    package var backoff: Double
    package var maximumDelay: Milliseconds
    /// Delays vary by this part of themselves, so that steps that failed together do not come back together.
    package var jitter: Double

    package init(
        times: Int = 0, delay: Milliseconds = 10_000, backoff: Double = 2, maximumDelay: Milliseconds = 600_000,
        jitter: Double = 0.1
    ) {
        self.times = times
        self.delay = delay
        self.backoff = backoff
        self.maximumDelay = maximumDelay
        self.jitter = jitter
    }

    /// How long to wait after the `failures`th counted failure.
    ///
    /// - Parameter seed: decides the jitter; the same seed gives the same delay, also in another process.
    package func delay(afterFailure failures: Int, seed: UInt64) -> Milliseconds {
        let base = Double(max(0, delay))
        let limit = Double(max(0, maximumDelay))
        var grown = base == 0 ? 0 : base * pow(max(0, backoff.isNaN ? 1 : backoff), Double(max(1, failures) - 1))
        if grown.isNaN { grown = limit }
        let part = jitter.isNaN ? 0 : min(1, max(0, jitter))
        // 53 bits: a number in 0..<1 that a Double holds exactly.
        let unit = Double(mixed(seed) >> 11) * 0x1p-53
        let factor = 1 + part * (2 * unit - 1)
        return saturatingMilliseconds(min(limit, grown) * factor)
    }
}

/// The nearest representable number; infinity and what is too large become the largest.
package func saturatingMilliseconds(_ value: Double) -> Milliseconds {
    if value.isNaN || value <= 0 { return 0 }
    return value >= 0x1p62 ? Milliseconds(1) << 62 : Milliseconds(value)
}

/// The sum, or the largest number there is.
func saturatingSum(_ left: Milliseconds, _ right: Milliseconds) -> Milliseconds {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}

/// A number from a text that is the same in every process (FNV-1a), unlike Swift's `hashValue`.
package func stableHash(_ texts: String...) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for text in texts {
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0xFF) &* 0x100_0000_01B3
    }
    return hash
}

/// Spreads the bits of a number evenly (the finaliser of SplitMix64).
private func mixed(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
