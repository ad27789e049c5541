"""Trains an elastic net on all folds but one, on the cluster, and tells how well it does on that one."""

import csv
import json
import math
import sys

import tracking

folds, fold, alpha, epochs = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
train, test = [], []
for name, text in tracking.download(folds).items():
    rows = [[float(cell) for cell in row] for row in csv.reader(text.splitlines())]
    (test if name == f"{fold}.csv" else train).extend(rows)

ratio = 0.1
columns = list(zip(*train))
target = columns.pop()
bias = sum(target) / len(target)
weights = [0.0] * len(columns)
residual = [y - bias for y in target]
for _ in range(epochs):
    for j, column in enumerate(columns):
        gradient = sum(x * (r + weights[j] * x) for x, r in zip(column, residual)) / len(column)
        new = math.copysign(max(abs(gradient) - alpha * ratio, 0), gradient) / (1 + alpha * (1 - ratio))
        residual = [r + (weights[j] - new) * x for x, r in zip(column, residual)]
        weights[j] = new

errors = [bias + sum(w * x for w, x in zip(weights, row)) - row[-1] for row in test]
rmse = math.sqrt(sum(error * error for error in errors) / len(errors))
tracking.log_metric("rmse", rmse)
tracking.upload("model.json", json.dumps({"alpha": alpha, "bias": bias, "weights": weights}))
print(f"alpha={alpha} fold={fold}: rmse={rmse:.3f}")
