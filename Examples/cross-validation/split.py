"""Deals the rows into folds, one file each, into the folder it is given."""

import os
import random
import sys

source, folds, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(source) as file:
    header, *rows = file.read().splitlines()
random.Random(42).shuffle(rows)
os.makedirs(out)
for fold in range(folds):
    with open(os.path.join(out, f"{fold}.csv"), "w") as file:
        file.write("\n".join([header, *rows[fold::folds]]) + "\n")
