"""Trains one kind of model on all folds but one, and measures it on that one."""

import os
import sys

import mlflow
import numpy as np
from models import MODELS, read
from sklearn.metrics import root_mean_squared_error

folder, kind, left_out = sys.argv[1], sys.argv[2], f"{sys.argv[3]}.csv"
parts = [read(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name != left_out]
model = MODELS[kind]().fit(np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]))
features, target = read(os.path.join(folder, left_out))

with mlflow.start_run():
    mlflow.log_metric("rmse", root_mean_squared_error(target, model.predict(features)))
