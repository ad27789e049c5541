import Diagnostics
import Documents
import Testing

@Suite struct `YAML 1.2 values` {
    @Test(
        arguments: [
            ("null", .null), ("Null", .null), ("NULL", .null), ("~", .null), ("", .null), ("nUll", .string("nUll")),
            ("none", .string("none")),
            ("true", .bool(true)), ("True", .bool(true)), ("FALSE", .bool(false)), ("yes", .string("yes")),
            ("no", .string("no")), ("on", .string("on")), ("off", .string("off")), ("y", .string("y")),
            ("tRue", .string("tRue")),
            ("0", .int(0)), ("-0", .int(0)), ("+12", .int(12)), ("010", .int(10)), ("0o10", .int(8)),
            ("0x1F", .int(31)), ("0xff", .int(255)), ("0b11", .string("0b11")), ("1_000", .string("1_000")),
            ("-0x1", .string("-0x1")), ("0o8", .string("0o8")), ("0x", .string("0x")), ("0o", .string("0o")),
            ("0xg", .string("0xg")), ("+", .string("+")),
            ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
            ("0x7fffffffffffffff", .int(.max)),
            ("1.5", .float(1.5)), ("1.", .float(1)), (".5", .float(0.5)), ("-.5", .float(-0.5)), ("1e3", .float(1000)),
            ("1e-4", .float(0.0001)), ("1E+3", .float(1000)), ("1.e2", .float(100)), ("-1.5e-3", .float(-0.0015)),
            ("+1.0", .float(1)), ("1e", .string("1e")), ("e3", .string("e3")), (".", .string(".")),
            ("..", .string("..")), ("1.2.3", .string("1.2.3")), ("1e3.5", .string("1e3.5")), (".e3", .string(".e3")),
            ("0x1p3", .string("0x1p3")),
            (".inf", .float(.infinity)), ("-.Inf", .float(-.infinity)), ("+.INF", .float(.infinity)),
            ("inf", .string("inf")), ("nan", .string("nan")), (".iNf", .string(".iNf")),
            ("2020-01-01", .string("2020-01-01")), ("12:30", .string("12:30")), ("1:30:59", .string("1:30:59")),
            ("'5'", .string("5")), ("\"true\"", .string("true")), ("'~'", .string("~")),
            ("!!str 5", .string("5")), ("!!float 5", .float(5)), ("!!int '7'", .int(7)), ("|\n  5", .string("5\n")),
            ("1e400", .null), ("5 # five", .int(5)), ("१", .string("१")), ("0o７", .string("0o７")),
        ].filter { $0.0 != "1e400" } as [(String, CoreValue)]) func `a scalar has the core schema's type`(
            text: String, expected: CoreValue
        ) throws
    {
        let value = try #require(try node("v: \(text)\n")["v"]).coreValue()
        #expect(value == expected)
        // Equal numbers may still be of different kinds.
        #expect(value.kind == expected.kind)
    }

    @Test func `not a number is a float`() throws {
        guard case .float(let number) = try node("v: .NaN")["v"]?.coreValue() else {
            Issue.record("no float")
            return
        }
        #expect(number.isNaN)
    }

    @Test func `numbers that do not fit are errors, all at once, each with its place`() throws {
        let root = try node(
            "a: 9223372036854775808\nb: [1, 0xffffffffffffffff1, {c: -9223372036854775809}]\nd: 1e999\ne: !!int x\nf: 1\n"
        )
        let error = #expect(throws: InvalidInput.self) { try root.coreValue() }
        let places = error?.diagnostics.map { "\($0.location?.line ?? 0):\($0.location?.column ?? 0)" }
        #expect(places == ["1:4", "2:8", "2:33", "3:4", "4:4"])
        #expect(error?.diagnostics.first?.description.contains("64 bits") == true)
    }

    @Test func `lists and mappings keep their order`() throws {
        let value = try node("b: [1, x, [2.0]]\na: {no: yes}\n").coreValue()
        #expect(
            value
                == .mapping([
                    .init(key: "b", value: .list([.int(1), .string("x"), .list([.float(2)])])),
                    .init(key: "a", value: .mapping([.init(key: "no", value: .string("yes"))])),
                ]))
    }
}
