"""The model registry: models, versions, aliases, tags, stages, search, and the rules for sources."""

import mlflow
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
run_id = run.info.run_id
root = run.info.artifact_uri
client.log_text(run_id, "weights", "model/weights.txt")

model = client.create_registered_model("wine", tags={"team": "a"}, description="reds")
assert model.name == "wine" and model.tags == {"team": "a"} and model.description == "reds"
refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "wine")
for name in ("a/b", "a:b", " ", "..", "."):
    refused("INVALID_PARAMETER_VALUE", client.create_registered_model, name)
refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "none")

first = client.create_model_version("wine", f"{root}/model", run_id, tags={"k": "v"}, description="one")
assert (first.version, first.status, first.run_id) == ("1", "READY", run_id), first
second = client.create_model_version("wine", f"runs:/{run_id}/model", run_id)
third = client.create_model_version("wine", "s3://bucket/model")
assert [first.version, second.version, third.version] == ["1", "2", "3"]
for source in (
    "/etc", "file:///etc/passwd", f"{root}/../../../secret", f"file://{root}/%2e%2e/x", "mlflow-artifacts:/../..",
    "mlflow-artifacts:/other/run", f"runs:/{'0' * 32}/model", "s3://bucket/../x", "models:/m-" + "0" * 32,
    "http://169.254.169.254/latest", "ftp://host/x",
):
    refused("INVALID_PARAMETER_VALUE", client.create_model_version, "wine", source, run_id)
    if not source.startswith("s3"):
        refused("INVALID_PARAMETER_VALUE", client.create_model_version, "wine", source)
refused(
    "INVALID_PARAMETER_VALUE", client.create_model_version, "wine", "/etc", run_id, tags={"mlflow.prompt.is_prompt": "true"}
)
refused("RESOURCE_DOES_NOT_EXIST", client.create_model_version, "none", "s3://bucket/model")

assert client.get_model_version("wine", "1").tags == {"k": "v"}
refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "wine", "9")
refused("INVALID_PARAMETER_VALUE", client.get_model_version, "wine", "abc")
assert client.get_model_version_download_uri("wine", "3") == "s3://bucket/model"
client.update_model_version("wine", "2", "two")
assert client.get_model_version("wine", "2").description == "two"
client.set_model_version_tag("wine", "2", "stage", "test")
client.delete_model_version_tag("wine", "2", "stage")
client.delete_model_version_tag("wine", "2", "stage")
client.set_registered_model_tag("wine", "owner", "ada")
client.delete_registered_model_tag("wine", "owner")

client.set_registered_model_alias("wine", "champion", "1")
client.set_registered_model_alias("wine", "champion", "2")
assert client.get_model_version_by_alias("wine", "champion").version == "2"
assert client.get_model_version_by_alias("wine", "latest").version == "3"
assert client.get_registered_model("wine").aliases == {"champion": "2"}
for alias in ("latest", "v1", "a b"):
    refused("INVALID_PARAMETER_VALUE", client.set_registered_model_alias, "wine", alias, "1")
client.delete_registered_model_alias("wine", "champion")
refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "wine", "champion")

client.transition_model_version_stage("wine", "1", "staging")
client.transition_model_version_stage("wine", "2", "Staging", archive_existing_versions=True)
assert client.get_model_version("wine", "1").current_stage == "Archived"
latest = {v.current_stage: v.version for v in client.get_latest_versions("wine")}
assert latest == {"None": "3", "Staging": "2", "Archived": "1"}, latest
assert [v.version for v in client.get_latest_versions("wine", ["Staging"])] == ["2"]
refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, "wine", "1", "Nowhere")

client.create_registered_model("beer")
client.create_model_version("beer", "s3://bucket/beer")
assert [m.name for m in client.search_registered_models()] == ["beer", "wine"]
assert [m.name for m in client.search_registered_models("name LIKE 'w%'")] == ["wine"]
assert [m.name for m in client.search_registered_models(order_by=["name DESC"], max_results=1)] == ["wine"]
found = client.search_model_versions("name = 'wine'", order_by=["version_number ASC"])
assert [v.version for v in found] == ["1", "2", "3"], found
found = client.search_model_versions(f"run_id = '{run_id}'")
assert sorted(v.version for v in found) == ["1", "2"]
page = client.search_model_versions("", max_results=3)
assert len(page) == 3 and page.token
assert len(client.search_model_versions("", max_results=3, page_token=page.token)) == 1

copy = client.create_model_version("beer", "models:/wine/1")
assert copy.run_id == run_id, copy
assert client.get_model_version_download_uri("beer", copy.version) == client.get_model_version_download_uri("wine", "1")

client.delete_model_version("wine", "3")
refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "wine", "3")
assert client.create_model_version("wine", "s3://bucket/again").version == "4"
client.rename_registered_model("wine", "port")
assert client.get_model_version("port", "1").run_id == run_id
client.delete_registered_model("port")
refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "port")
print("OK")
