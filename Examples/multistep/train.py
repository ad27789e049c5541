"""Learns the progression of the disease from the measurements and their components."""

import argparse
import os
import pickle
import tempfile

import mlflow
import numpy as np
from sklearn.linear_model import ElasticNet
from sklearn.metrics import root_mean_squared_error

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("components")
parser.add_argument("--alpha", type=float, required=True)
arguments = parser.parse_args()

with open(arguments.components, "rb") as file:
    components = pickle.load(file)


def read(name):
    table = np.loadtxt(os.path.join(arguments.data, name), delimiter=",", skiprows=1)
    return np.column_stack([table[:, :-1], components.transform(table[:, :-1])]), table[:, -1]


features, target = read("train.csv")
test_features, test_target = read("test.csv")

with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
    model = ElasticNet(alpha=arguments.alpha, random_state=42)
    for count in range(50, len(features) + 1, 50):
        model.fit(features[:count], target[:count])
        mlflow.log_metric("rmse", root_mean_squared_error(test_target, model.predict(test_features)), step=count)
    model.fit(features, target)
    rmse = root_mean_squared_error(test_target, model.predict(test_features))
    mlflow.log_metric("rmse", rmse, step=len(features))
    with open(os.path.join(folder, "model.pkl"), "wb") as file:
        pickle.dump(model, file)
    mlflow.log_artifact(os.path.join(folder, "model.pkl"), "model")
    print(f"rmse={rmse:.3f} with alpha={arguments.alpha}")
