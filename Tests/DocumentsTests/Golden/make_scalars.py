"""Writes scalars.tsv: what PyYAML reads from many values, and how Python prints it.

Each line holds a YAML value in flow form, then str() of what yaml.safe_load reads, or ERROR, both with backslash escapes.
Run it with any Python that has PyYAML: python3 make_scalars.py > scalars.tsv
"""

import random

import yaml

CURATED = r"""
null Null NULL nULL ~ nil None
yes Yes YES yEs no No NO nO true True TRUE tRUE false False FALSE on On ON oN off Off OFF oFF y Y n N
0 1 -1 +1 -0 +0 00 01 007 010 08 09 0777 -0777 +010 0o7 0_ 0_7 1_ 1_000 1__0 _1 1_0_0 123456789012345678901234567890
-98765432109876543210 0x0 0x1F 0X1F 0xfF -0x1f +0x_1f 0x_ 0x 0xg 0xdeadbeefdeadbeefdeadbeef 0b0 0b1 0b101 -0b11 0b_1_ 0b_ 0b 0b2
1:30 1:60 1:5 190:20:30 -1:30 +1:30 0:30 01:30 1:30:59:59 1:: 1: :1 12345678901234567890:59 1_0:20 1:30.5 190:20:30.15 -1:30.5 1:60.5 0:0.5
1:30.5_0 1:30. 0.0 -0.0 +0.0 1.0 1. 1.5 -1.5 +1.5 .5 -.5 +.5 ._5 5._ 1_0.5 1.5_0 0.1 0.10 0.1e-7 1e3 1E3 1e+3 1.e+3 1.0e3 1.0e+3 1.0E-3
1.0e+20 1.0e-5 1.0e+400 -1.0e+400 1.0e-400 1.0e+15 1.0e+16 1.0e+17 123456789012345680.0 1234567890123456.7 12345678901234567.8
0.0001 0.00001 0.00012345 0.000012345 1.7976931348623157e+308 5.0e-324 2.2250738585072014e-308 1.5e+5 4.35 0.1 0.30000000000000004
9007199254740993.0 9007199254740992.0 1.0e+22 1.0e+23 100000000000000000000000.0 .inf .Inf .INF .iNF -.inf +.inf .nan .NaN .NAN +.nan -.nan .Nan
inf nan infinity 1.2.3 1..2 . .. ... -. +. + - +- e5 .e5 1e 1.e 1.0e 1.0e+ 1_000.5_0e+1_0
2020-01-02 2020-1-2 2020-01-2 2020-13-01 2020-02-30 2020-02-29 2019-02-29 0000-01-01 0001-01-01 9999-12-31 2020-01-02T03:04:05 2020-01-02t03:04:05Z
2020-01-02T03:04:05.6 2020-01-02T03:04:05.123456789 2020-01-02T03:04:05. 2020-01-02T3:04:05 2020-1-2T3:04:05 2020-01-02T03:04:05+01:00
2020-01-02T03:04:05-05:30 2020-01-02T03:04:05+1 2020-01-02T03:04:05-00:00 2020-01-02T03:04:05+23:59 2020-01-02T03:04:05+24:00 2020-01-02T24:00:00
2020-01-02T03:60:00 2020-01-02T03:04:60 2020-01-02T03:04:05.5Z 2020-01-02T03:04 2020-01-02T 20200-01-01 2020-01-01x 2001-12-14t21:59:43.10-05:00
2020-01-02T03:04:05+0100 2020-01-02T03:04:05z 2020-01-02T00:00:00+1:30 100-04-04T10:10:10 2100-02-29 2000-02-29
abc a_b 3x 0.5abc 1,5 1;2 ''
""".split()

WITH_SPACES = [
    "2020-01-02 03:04:05", "2020-01-02 03:04:05 Z", "2020-01-02   03:04:05.25 +02:30", "2020-01-02 03:04:05 -1", "a b",
    '"0.10"', '"null"', '""', "''", "'it''s'", '"tab\\there"', '"nl\\nx"', '"\\u00e9"', '"\\u200b"', '"\\U0001F600"',
    "[1, two, 3.0, true, null]", "{a: 1, b: [x, \"y z\"]}", "[]", "{}", "[[1, [2]], {}]", "{1: a, 2.5: b, true: c, null: d}",
    "[2020-01-02, 2020-01-02T03:04:05Z, 2020-01-02T03:04:05, 2020-01-02T03:04:00+01:00, 2020-01-02T03:04:05.000006-00:30]",
    "['it''s', \"say \\\"x\\\"\", \"both ' and \\\"\", 'back\\slash', \"\\n\\r\\t\\x00\\x07\\x1b\\x7f\\x85\\xa0\\u2028\\ufeff\\ue000\\U0010ffff é ß 日本 😀\"]"
    .replace("\\x00", ""),
    "[.inf, -.inf, .nan, 1.0e+16, -0.0, 1.0e-5]", "!!str 12", "!!int '12'", "!!int 0x1F", "!!float 3", "!!float 1e3", "!!bool yes", "!!null x",
    "!!str true", "!!float '.inf'", "! 12", "!!int abc", "!!bool maybe", "!!float x", "!!timestamp 2020-1-2", "!!timestamp abc",
    "!!seq [1]", "!!map {a: 1}", "!!float 1_0.5", "{<<: {a: 1, b: 2}, b: 3}", "{b: 3, <<: [{a: 1}, {a: 2, c: 4}]}", "[&x {a: 1}, *x]",
]


def texts():
    yield from CURATED
    yield from WITH_SPACES
    generator = random.Random(20)
    for _ in range(4000):
        yield "".join(generator.choice("0123456789") for _ in range(generator.randint(1, 3))) + "".join(
            generator.choice("0011223456789__..::--++eExXbBoTtZz") for _ in range(generator.randint(0, 7)))
    for _ in range(1500):
        yield repr(generator.uniform(-1, 1) * 10.0 ** generator.randint(-30, 30))
    for _ in range(300):
        yield repr(float(generator.getrandbits(generator.randint(1, 1000))))
    for _ in range(300):
        yield generator.choice("+-") + str(generator.getrandbits(generator.randint(1, 400)))
    for _ in range(600):
        yield "%04d-%02d-%02dT%02d:%02d:%02d%s%s" % (
            generator.randint(0, 2100), generator.randint(0, 13), generator.randint(0, 32), generator.randint(0, 24),
            generator.randint(0, 60), generator.randint(0, 60), generator.choice(["", ".5", ".000001", ".1234567"]),
            generator.choice(["", "Z", "+01:00", "-12", "+05:45", "-23:59"]))


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


seen = set()
for text in texts():
    if text in seen:
        continue
    seen.add(text)
    try:
        shown = escaped(str(yaml.safe_load("v: " + text)["v"]))
    except Exception:
        shown = "ERROR"
    print(escaped(text) + "\t" + shown)
