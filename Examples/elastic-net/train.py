"""Trains an elastic net on a small data set and records it with MLflow."""

import argparse
import csv
import pickle

import mlflow
import numpy as np
from sklearn.linear_model import ElasticNet
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    table = np.array(rows[1:], dtype=float)
    return table[:, :-1], table[:, -1], rows[0][:-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--l1-ratio", type=float, required=True)
    arguments = parser.parse_args()

    features, target, names = read(arguments.data)
    train_x, test_x, train_y, test_y = train_test_split(features, target, test_size=0.25, random_state=42)
    scaler = StandardScaler().fit(train_x)

    with mlflow.start_run():
        model = ElasticNet(alpha=arguments.alpha, l1_ratio=arguments.l1_ratio, random_state=42)
        model.fit(scaler.transform(train_x), train_y)
        predicted = model.predict(scaler.transform(test_x))
        metrics = {
            "rmse": root_mean_squared_error(test_y, predicted),
            "mae": mean_absolute_error(test_y, predicted),
            "r2": r2_score(test_y, predicted),
        }
        mlflow.log_metrics(metrics)
        for step, count in enumerate(range(50, len(train_x) + 1, 50)):
            partial = ElasticNet(alpha=arguments.alpha, l1_ratio=arguments.l1_ratio, random_state=42)
            partial.fit(scaler.transform(train_x[:count]), train_y[:count])
            score = r2_score(test_y, partial.predict(scaler.transform(test_x)))
            mlflow.log_metric("r2_by_sample", score, step=step)
        with open("model.pkl", "wb") as file:
            pickle.dump({"scaler": scaler, "model": model, "features": names}, file)
        mlflow.log_artifact("model.pkl", "model")
        mlflow.set_tag("framework", "scikit-learn")
        print("elastic net: " + "  ".join(f"{name}={value:.3f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
