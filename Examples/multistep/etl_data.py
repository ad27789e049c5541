"""Drops rows with gaps, scales the columns, and splits the table into one to learn from and one to test with."""

import argparse
import csv
import os
import tempfile

import mlflow
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("raw")
parser.add_argument("--max-rows", type=int, required=True)
arguments = parser.parse_args()

with open(arguments.raw, newline="") as file:
    names, *rows = csv.reader(file)
table = np.array([row for row in rows if all(row)][: arguments.max_rows], dtype=float)
train, test = train_test_split(table, test_size=0.25, random_state=42)
scaler = StandardScaler().fit(train[:, :-1])

with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
    for name, part in (("train", train), ("test", test)):
        scaled = np.column_stack([scaler.transform(part[:, :-1]), part[:, -1]])
        np.savetxt(os.path.join(folder, f"{name}.csv"), scaled, delimiter=",", header=",".join(names), comments="")
    mlflow.log_artifacts(folder, "clean")
    mlflow.log_metrics({"train_rows": len(train), "test_rows": len(test)})
