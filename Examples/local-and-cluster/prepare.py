"""Brings every column to mean 0 and deviation 1, and deals the rows into folds, one file each, in the folder it is given."""

import csv
import os
import random
import statistics
import sys

source, folds, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(source, newline="") as file:
    rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
random.Random(42).shuffle(rows)
columns = list(zip(*rows))
means = [statistics.fmean(column) for column in columns[:-1]] + [0]
scales = [statistics.pstdev(column) or 1 for column in columns[:-1]] + [1]
os.makedirs(out)
for fold in range(folds):
    with open(os.path.join(out, f"{fold}.csv"), "w", newline="") as file:
        for row in rows[fold::folds]:
            csv.writer(file).writerow([(x - m) / s for x, m, s in zip(row, means, scales)])
print(f"{len(rows)} rows in {folds} folds")
