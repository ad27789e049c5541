"""Trains an elastic net by coordinate descent, with nothing but Python's standard library, so that any image with Python will do.

It records itself over MLflow's REST API, at the address the runner gives it; with the mlflow package in the image, `mlflow.log_metric` does
the same.
"""

import argparse
import csv
import json
import math
import os
import random
import time
import urllib.request


class Run:
    """The run this command belongs to."""

    def __init__(self):
        self.uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        self.run_id = os.environ.get("MLFLOW_RUN_ID", "")

    def call(self, path, body=None):
        if not self.uri.startswith("http"):
            return {}
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps({"run_id": self.run_id, **body}).encode()
        request = urllib.request.Request(f"{self.uri}/api/2.0/mlflow/{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def log_metrics(self, metrics, step=0):
        now = int(time.time() * 1000)
        entries = [{"key": key, "value": value, "timestamp": now, "step": step} for key, value in metrics.items()]
        self.call("runs/log-batch", {"metrics": entries})

    def artifact_folder(self):
        """The run's artifact folder where it is mounted, which it is when the runner keeps artifacts on its own disk."""
        info = self.call(f"runs/get?run_id={self.run_id}").get("run", {}).get("info", {})
        folder = info.get("artifact_uri", "").removeprefix("file://")
        return folder if os.path.isdir(folder) else "."


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    random.Random(42).shuffle(rows)
    table = [[float(cell) for cell in row] for row in rows]
    return [row[:-1] for row in table], [row[-1] for row in table]


def standardised(features, like):
    columns = list(zip(*like))
    means = [sum(column) / len(column) for column in columns]
    scales = [math.sqrt(sum((x - m) ** 2 for x in column) / len(column)) or 1 for column, m in zip(columns, means)]
    return [[(x - m) / s for x, m, s in zip(row, means, scales)] for row in features]


def predict(weights, bias, features):
    return [bias + sum(w * x for w, x in zip(weights, row)) for row in features]


def rmse(predicted, target):
    return math.sqrt(sum((p - t) ** 2 for p, t in zip(predicted, target)) / len(target))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--l1-ratio", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    arguments = parser.parse_args()

    run = Run()
    features, target = read(arguments.data)
    cut = len(features) * 3 // 4
    train, test = standardised(features[:cut], features[:cut]), standardised(features[cut:], features[:cut])
    train_y, test_y = target[:cut], target[cut:]

    lasso, ridge = arguments.alpha * arguments.l1_ratio, arguments.alpha * (1 - arguments.l1_ratio)
    bias = sum(train_y) / len(train_y)
    weights = [0.0] * len(train[0])
    residual = [y - bias for y in train_y]
    for epoch in range(arguments.epochs):
        for j in range(len(weights)):
            column = [row[j] for row in train]
            gradient = sum(x * (r + weights[j] * x) for x, r in zip(column, residual)) / len(column)
            new = math.copysign(max(abs(gradient) - lasso, 0), gradient) / (1 + ridge)
            residual = [r + (weights[j] - new) * x for r, x in zip(residual, column)]
            weights[j] = new
        if epoch % 50 == 0:
            score = rmse(predict(weights, bias, test), test_y)
            print(f"epoch {epoch}: rmse={score:.3f}")
            run.log_metrics({"rmse_by_epoch": score}, step=epoch)

    score = rmse(predict(weights, bias, test), test_y)
    run.log_metrics({"rmse": score})
    with open(os.path.join(run.artifact_folder(), "model.json"), "w") as file:
        json.dump({"bias": bias, "weights": weights}, file, indent=1)
    print(f"elastic net on the cluster: rmse={score:.3f}")


if __name__ == "__main__":
    main()
