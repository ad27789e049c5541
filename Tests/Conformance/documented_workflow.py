"""What MLflow's documentation shows with scikit-learn: autologging, nested tuning, log_model, register_model, load_model by version and alias."""

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

client = mlflow.MlflowClient()
x, y = load_iris(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, random_state=42)

# The quickstart: parameters, a metric, a tag, a model with its signature, loaded again as a Python function.
mlflow.set_experiment("quickstart")
parameters = {"solver": "lbfgs", "max_iter": 1000, "random_state": 8888}
with mlflow.start_run() as run:
    model = LogisticRegression(**parameters).fit(train_x, train_y)
    accuracy = accuracy_score(test_y, model.predict(test_x))
    mlflow.log_params(parameters)
    mlflow.log_metric("accuracy", accuracy)
    mlflow.set_tag("Training Info", "Basic LR model for iris data")
    logged = mlflow.sklearn.log_model(
        model, name="iris_model", signature=infer_signature(train_x, model.predict(train_x)), input_example=train_x[:3],
        registered_model_name="tracking-quickstart")
loaded = mlflow.pyfunc.load_model(logged.model_uri)
assert (loaded.predict(test_x) == model.predict(test_x)).all()
assert loaded.metadata.signature is not None
found = client.get_logged_model(logged.model_id)
assert found.status == "READY" and found.source_run_id == run.info.run_id, found
assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == logged.model_id

# The registry: versions, aliases, tags, and models loaded by each of their names.
version = client.get_model_version("tracking-quickstart", "1")
assert version.status == "READY" and version.run_id == run.info.run_id, version
again = mlflow.register_model(logged.model_uri, "tracking-quickstart", tags={"checked": "no"})
assert int(again.version) == 2
client.set_registered_model_alias("tracking-quickstart", "champion", "2")
client.set_model_version_tag("tracking-quickstart", "2", "checked", "yes")
for uri in ("models:/tracking-quickstart/1", "models:/tracking-quickstart@champion", "models:/tracking-quickstart/latest"):
    assert (mlflow.sklearn.load_model(uri).predict(test_x) == model.predict(test_x)).all(), uri
assert client.get_model_version_by_alias("tracking-quickstart", "champion").tags["checked"] == "yes"
assert sorted(int(v.version) for v in client.search_model_versions("name = 'tracking-quickstart'")) == [1, 2]

# Autologging writes parameters, metrics, tags and the model by itself.
mlflow.set_experiment("autologging")
mlflow.sklearn.autolog()
with mlflow.start_run() as run:
    LogisticRegression(max_iter=500, C=0.7).fit(train_x, train_y)
mlflow.sklearn.autolog(disable=True)
data = client.get_run(run.info.run_id).data
assert data.params["C"] == "0.7", data.params
assert "training_accuracy_score" in data.metrics, data.metrics
assert data.tags["estimator_name"] == "LogisticRegression"
assert any(f.path == "estimator.html" for f in client.list_artifacts(run.info.run_id))
models = mlflow.search_logged_models([run.info.experiment_id], output_format="list")
assert len(models) == 1 and models[0].source_run_id == run.info.run_id, models

# Tuning: a parent with a run for each trial, and the best one found by a search.
mlflow.set_experiment("tuning")
with mlflow.start_run(run_name="parent") as parent:
    for strength in (0.01, 0.1, 1.0, 10.0):
        with mlflow.start_run(nested=True, run_name=f"C={strength}"):
            trial = LogisticRegression(max_iter=1000, C=strength).fit(train_x, train_y)
            mlflow.log_param("C", strength)
            for step, count in enumerate((40, 80, 120)):
                mlflow.log_metric("seen", count, step=step)
            mlflow.log_metric("accuracy", accuracy_score(test_y, trial.predict(test_x)))
children = mlflow.search_runs(
    [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' AND metrics.accuracy > 0.5",
    order_by=["metrics.accuracy DESC", "params.C ASC"])
assert len(children) == 4, len(children)
assert children["metrics.accuracy"].is_monotonic_decreasing
assert [m.value for m in client.get_metric_history(children["run_id"][0], "seen")] == [40, 80, 120]

# Artifacts: a dictionary, a text, a picture, a figure-like array, a folder; read back through the server.
with mlflow.start_run() as run:
    mlflow.log_dict({"classes": 3}, "config/data.json")
    mlflow.log_text("<b>hello</b>", "page.html")
    mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/config/data.json") == {"classes": 3}
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/page.html") == "<b>hello</b>"
assert mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="black.png")

# A data set as an input of a run.
with mlflow.start_run() as run:
    data_set = mlflow.data.from_numpy(train_x, targets=train_y, name="iris")
    mlflow.log_input(data_set, context="training")
inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
assert inputs[0].dataset.name == "iris" and inputs[0].tags[0].value == "training", inputs
print("OK")
