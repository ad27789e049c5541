"""Finds the directions in which the patients differ most."""

import argparse
import os
import pickle
import tempfile

import mlflow
import numpy as np
from sklearn.decomposition import PCA

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--count", type=int, required=True)
arguments = parser.parse_args()

table = np.loadtxt(os.path.join(arguments.data, "train.csv"), delimiter=",", skiprows=1)
components = PCA(arguments.count, random_state=42).fit(table[:, :-1])

with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "model.pkl"), "wb") as file:
        pickle.dump(components, file)
    mlflow.log_artifact(os.path.join(folder, "model.pkl"), "components")
    mlflow.log_metric("explained", float(components.explained_variance_ratio_.sum()))
