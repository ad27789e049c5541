"""Writes numbers.tsv: whether Python's int() and float() accept a text. Run: python3 make_numbers.py > numbers.tsv"""

import random

TEXTS = """0 1 -1 +1 00 010 1_000 1__0 _1 1_ 0x1F 0b1 0o7 1.0 1. .5 . -.5 +.5 5.e3 1e5 1E5 1e+5 1e-5 1e 1e+ e5 .e5 1.5e3 1_0.5_0 1_.5 1._5
1_0e1_0 1e_1 1e1_ inf -inf +inf Infinity INFINITY infinit nan NaN -nan +nan nan1 -- +-1 - + 1-1 1,5 1;5 abc True None ١٢٣ १२.५ ² Ⅷ ½ 1e400 1e-400
1.2.3 0.0.0 12345678901234567890 --1 1f 1L 1j 0x1p3""".split()


def accepts(kind, text):
    try:
        kind(text)
        return "1"
    except ValueError:
        return "0"


generator = random.Random(7)
texts = TEXTS + ["", " ", " 1 ", "\\u00a01", "1 2", "1\\n", "\\t1.5\\t", "1 _0", "9" * 4300, "9" * 4301]
texts += ["".join(generator.choice("0019_._-+eE ") for _ in range(generator.randint(1, 8))) for _ in range(3000)]
for text in dict.fromkeys(texts):
    value = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\u00a0", "\u00a0")
    print(text, accepts(int, value), accepts(float, value), sep="\t")
