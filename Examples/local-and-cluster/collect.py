"""Writes what the jobs on the cluster found as one table."""

import json
import os
import statistics
import sys

alphas, folds, scores = (json.loads(text) for text in sys.argv[1:4])
with open(sys.argv[4]) as file:
    model = json.load(file)
out = sys.argv[5]
by_alpha = {}
for alpha, fold, score in zip(alphas, folds, scores):
    by_alpha.setdefault(float(alpha), {})[int(fold)] = score

lines = ["| alpha | " + " | ".join(f"fold {fold}" for fold in sorted(set(map(int, folds)))) + " | mean |"]
lines.append("|---" * lines[0].count("|", 1) + "|")
for alpha, found in sorted(by_alpha.items()):
    values = [found[fold] for fold in sorted(found)]
    lines.append(f"| {alpha} | " + " | ".join(f"{value:.3f}" for value in [*values, statistics.fmean(values)]) + " |")
lines.append(f"\nThe best model has alpha {model['alpha']} and {sum(abs(w) > 1e-9 for w in model['weights'])} weights.")
os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
with open(out, "w") as file:
    file.write("\n".join(lines) + "\n")
print("\n".join(lines))
