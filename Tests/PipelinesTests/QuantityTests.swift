import Diagnostics
import Pipelines
import Testing

@Suite struct `Quantities` {
    @Test(
        arguments: [
            ("90s", .seconds(90)), ("15m", .seconds(900)), ("2h", .seconds(7200)), ("1h30m", .seconds(5400)),
            ("2d", .seconds(172_800)), ("1.5h", .seconds(5400)),
            ("250ms", .milliseconds(250)), ("0s", .zero), ("1d2h3m4s5ms", .milliseconds(93_784_005)),
            ("0.000001s", .microseconds(1)),
            ("99999999999999999999d", .longest), ("40000d", .longest), ("9223372036854775807ms", .longest),
            ("1.999999999999999999999s", .nanoseconds(1_999_999_999)),
        ] as [(String, Duration)]) func `a duration is read, and the longest is a hundred years`(
            text: String, expected: Duration
        ) throws
    {
        #expect(try Duration(written: text, at: nowhere) == expected)
    }

    @Test(arguments: ["", "s", "90", "1x", "1h 30m", "-1s", "1e3s", "1.s", ".5s", "1h30", "NaN", "1S", "١s"])
    func `W-08 what is no duration is an error`(text: String) {
        let error = #expect(throws: InvalidInput.self) { try Duration(written: text, at: nowhere) }
        #expect(error?.diagnostics.first?.code == "P011")
    }

    @Test(arguments: ["90s", "1h30m", "2d", "250ms", "1d2h3m4s5ms", "0s"]) func `a duration is written as it was read`(
        text: String
    ) throws {
        let duration = try Duration(written: text, at: nowhere)
        #expect(try Duration(written: duration.written, at: nowhere) == duration)
    }

    @Test(arguments: [
        ("512MB", 512_000_000), ("8GiB", 8 << 30), ("1.5 GB", 1_500_000_000), ("100", 100), ("1kB", 1000),
        ("1KB", 1000), ("1KiB", 1024), ("2TB", 2_000_000_000_000), ("0.5KiB", 512),
        ("9999999999TiB", Int.max), ("99999999999999999999999", Int.max),
    ]) func `a size is read, and the largest is 2⁶³ - 1`(text: String, expected: Int) throws {
        #expect(try ByteSize(written: text, at: nowhere).bytes == expected)
    }

    @Test(arguments: ["", "GiB", "8Gib", "8 GiB x", "-1", "1e3", "8GiBB", "NaN"]) func `what is no size is an error`(
        text: String
    ) {
        #expect(throws: InvalidInput.self) { try ByteSize(written: text, at: nowhere) }
    }

    @Test func `a size is shown in the unit that fits it`() {
        #expect(ByteSize(bytes: 8 << 30).description == "8GiB")
        #expect(ByteSize(bytes: 512_000_000).description == "512MB")
        #expect(ByteSize(bytes: 1001).description == "1001B")
        #expect(ByteSize(bytes: 0).description == "0B")
    }
}
