"""Logged models: what MLflow 3's `log_model` calls, step by step, and their search."""

import mlflow
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException

client = mlflow.MlflowClient()


def refused(code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"{call.__name__}{arguments} was not refused")


run = client.create_run("0")
model = client.create_logged_model(
    "0", name="classifier", source_run_id=run.info.run_id, tags={"t": "1"}, params={"p": "q"}, model_type="agent"
)
assert model.status == LoggedModelStatus.PENDING
client.log_model_artifact(model.model_id, __file__)
assert client.list_logged_model_artifacts(model.model_id)[0].path == "logged_models.py"
model = client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
assert model.status == LoggedModelStatus.READY
client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, 3)])
assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == model.model_id

client.log_metric(run.info.run_id, "acc", 0.9, model_id=model.model_id, dataset_name="d", dataset_digest="1")
client.log_batch(run.info.run_id, metrics=[Metric("loss", 0.1, 1, 0, model_id=model.model_id)])
client.set_logged_model_tags(model.model_id, {"a/b": "c", "x": "y"})
client.delete_logged_model_tag(model.model_id, "x")
refused("RESOURCE_DOES_NOT_EXIST", client.delete_logged_model_tag, model.model_id, "x")
client.log_model_params(model.model_id, {"extra": "1"})
got = client.get_logged_model(model.model_id)
assert got.params == {"p": "q", "extra": "1"}, got.params
assert got.tags["a/b"] == "c" and "x" not in got.tags, got.tags
assert {m.key: m.value for m in got.metrics} == {"acc": 0.9, "loss": 0.1}, got.metrics

others = [client.create_logged_model("0", name=f"other-{i}") for i in range(5)]
found = client.search_logged_models(["0"], filter_string="name = 'classifier'")
assert [m.model_id for m in found] == [model.model_id]
found = client.search_logged_models(["0"], filter_string="metrics.acc > 0.8")
assert [m.model_id for m in found] == [model.model_id]
found = client.search_logged_models(["0"], order_by=[{"field_name": "name", "ascending": False}], max_results=2)
assert [m.name for m in found] == ["other-4", "other-3"], found
found = client.search_logged_models(["0"], order_by=[{"field_name": "name", "ascending": False}], max_results=2, page_token=found.token)
assert [m.name for m in found] == ["other-2", "other-1"], found

version = None
client.create_registered_model("registered")
version = client.create_model_version("registered", f"models:/{model.model_id}", run.info.run_id, model_id=model.model_id)
assert client.get_model_version_download_uri("registered", version.version) == model.artifact_location
refused("INVALID_PARAMETER_VALUE", client.create_model_version, "registered", f"models:/{others[0].model_id}", model_id=model.model_id)

client.delete_logged_model(others[0].model_id)
refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, others[0].model_id)
refused("INVALID_PARAMETER_VALUE", client.create_logged_model, "0", name="a/b")
refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, "m-" + "0" * 32)
print("OK")
