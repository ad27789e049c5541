"""The fluent API as projects use it: the runner has created the run, the project logs into it."""

import math
import os
import pathlib
import tempfile

import mlflow
from mlflow.entities import Metric, Param, RunTag

run_id = os.environ["MLFLOW_RUN_ID"]

with mlflow.start_run() as run:
    assert run.info.run_id == run_id, run.info.run_id
    mlflow.log_param("alpha", 0.5)
    mlflow.log_params({"beta": "b", "gamma": None, "näme/with.dots": "ü" * 100})
    mlflow.log_metric("loss", 1.5)
    for step in range(5):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"acc": 0.9, "nan": float("nan"), "inf": float("inf"), "big": 1e308, "negative": -3.0}, step=2)
    mlflow.set_tag("stage", "test")
    mlflow.set_tags({"a": 1, "mlflow.note.content": "# Note\nwith \"quotes\" and 日本語"})

    client = mlflow.MlflowClient()
    client.log_batch(
        run_id,
        metrics=[Metric(f"batch{i % 10}", float(i), 1700000000000 + i, i) for i in range(1000)],
    )
    client.log_batch(run_id, params=[Param(f"p{i}", str(i)) for i in range(100)], tags=[RunTag("bt", "1")])

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "one.txt").write_text("one")
        (path / "sub").mkdir()
        (path / "sub" / "two.bin").write_bytes(bytes(range(256)) * 1000)
        mlflow.log_artifact(str(path / "one.txt"))
        mlflow.log_artifact(str(path / "one.txt"), artifact_path="nested/deeper")
        mlflow.log_artifacts(folder, artifact_path="all")
    mlflow.log_text("text é", "notes/text.txt")
    mlflow.log_dict({"k": [1, 2]}, "notes/dict.json")

    for name in ("child-1", "child-2"):
        with mlflow.start_run(run_name=name, nested=True) as child:
            mlflow.log_param("child", name)
            mlflow.log_metric("loss", 3)
            assert child.data.tags["mlflow.parentRunId"] == run_id

assert mlflow.active_run() is None

run = client.get_run(run_id)
assert run.info.status == "FINISHED", run.info.status
assert run.info.end_time and run.info.end_time >= run.info.start_time
assert run.data.params["alpha"] == "0.5"
assert run.data.params["gamma"] == "None"
assert run.data.params["näme/with.dots"] == "ü" * 100
assert run.data.metrics["loss"] == 0.2, run.data.metrics["loss"]
assert math.isnan(run.data.metrics["nan"])
assert run.data.metrics["inf"] > 1e308
assert run.data.metrics["big"] == 1e308
assert run.data.metrics["batch9"] == 999.0
assert len([p for p in run.data.params if p.startswith("p")]) == 100
assert run.data.tags["mlflow.note.content"] == "# Note\nwith \"quotes\" and 日本語"
history = client.get_metric_history(run_id, "loss")
assert [(m.step, m.value) for m in history][-1] == (4, 0.2), history
assert len(history) == 6

files = sorted(f.path for f in client.list_artifacts(run_id))
assert files == ["all", "nested", "notes", "one.txt"], files
local = client.download_artifacts(run_id, "all/sub/two.bin", tempfile.mkdtemp())
assert pathlib.Path(local).read_bytes() == bytes(range(256)) * 1000
assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/text.txt") == "text é"

children = client.search_runs(
    [run.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'", order_by=["attributes.run_name"]
)
assert [c.info.run_name for c in children] == ["child-1", "child-2"], children

experiment = mlflow.set_experiment("another one")
# MLFLOW_RUN_ID was used up by the first start_run.
with mlflow.start_run(run_name="free") as free:
    mlflow.log_param("x", "1")
assert free.info.experiment_id == experiment.experiment_id
try:
    client.log_param(free.info.run_id, "x", "2")
except mlflow.MlflowException as error:
    assert error.error_code == "INVALID_PARAMETER_VALUE", error.error_code
    assert "Changing param values is not allowed" in str(error)
else:
    raise AssertionError("a param was changed")

try:
    with mlflow.start_run() as failing:
        raise ValueError("on purpose")
except ValueError:
    pass
assert client.get_run(failing.info.run_id).info.status == "FAILED"
print("OK")
