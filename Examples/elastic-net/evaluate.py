"""Scores a model that `train.py` recorded, given as `runs:/<run id>/model/model.pkl` or as a local file."""

import argparse
import pickle

import mlflow
from sklearn.metrics import r2_score

from train import read


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()

    features, target, _ = read(arguments.data)
    with open(arguments.model, "rb") as file:
        stored = pickle.load(file)
    with mlflow.start_run():
        score = r2_score(target, stored["model"].predict(stored["scaler"].transform(features)))
        mlflow.log_metric("r2_all", score)
        print(f"r2 on all rows: {score:.3f}")


if __name__ == "__main__":
    main()
