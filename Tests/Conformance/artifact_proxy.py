"""Artifacts kept by the server, for an experiment whose location is `mlflow-artifacts:`."""

import os
import pathlib
import tempfile

import mlflow
import requests

client = mlflow.MlflowClient()
experiment = client.create_experiment("proxied", artifact_location="mlflow-artifacts:/proxied")
run_id = client.create_run(experiment).info.run_id
assert client.get_run(run_id).info.artifact_uri == f"mlflow-artifacts:/proxied/{run_id}/artifacts"

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder)
    (path / "größe und space.txt").write_text("umlaut")
    (path / "empty").write_bytes(b"")
    (path / "a").mkdir()
    (path / "a" / "big.bin").write_bytes(os.urandom(1024) * 5000)
    client.log_artifact(run_id, str(path / "größe und space.txt"))
    client.log_artifacts(run_id, folder, "all")
    listed = {f.path: (f.is_dir, f.file_size) for f in client.list_artifacts(run_id)}
    assert listed == {"all": (True, None), "größe und space.txt": (False, 6)}, listed
    listed = {f.path: f.is_dir for f in client.list_artifacts(run_id, "all")}
    assert listed == {"all/a": True, "all/empty": False, "all/größe und space.txt": False}, listed
    with tempfile.TemporaryDirectory() as target:
        got = pathlib.Path(client.download_artifacts(run_id, "all", target))
        assert (got / "a" / "big.bin").read_bytes() == (path / "a" / "big.bin").read_bytes()
        assert (got / "empty").read_bytes() == b""

    # Written again: the new content is there.
    (path / "größe und space.txt").write_text("second version")
    client.log_artifact(run_id, str(path / "größe und space.txt"))
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/größe und space.txt") == "second version"

server = os.environ["MLFLOW_TRACKING_URI"]
headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
answer = requests.get(f"{server}/get-artifact", params={"run_id": run_id, "path": "all/a/big.bin"}, headers=headers)
assert answer.status_code == 200 and len(answer.content) == 5120000
answer = requests.get(f"{server}/get-artifact", params={"run_id": run_id, "path": "all"}, headers=headers)
assert answer.status_code == 400
listing = requests.get(
    f"{server}/api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": "all"}, headers=headers
).json()
assert [f["path"] for f in listing["files"]] == ["all/a", "all/empty", "all/größe und space.txt"], listing

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
repository.delete_artifacts("all/a")
assert {f.path for f in client.list_artifacts(run_id, "all")} == {"all/empty", "all/größe und space.txt"}
print("OK")
