"""Large artifacts of a server that keeps them in S3: parts go to the storage and come from it, past the server."""

import os
import pathlib
import tempfile

os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(11 << 20)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
os.environ["MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE"] = str(4 << 20)

import mlflow
import requests

client = mlflow.MlflowClient()
server = os.environ["MLFLOW_TRACKING_URI"]
headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
info = requests.get(f"{server}/api/3.0/mlflow/server-info", headers=headers).json()
assert info["multipart_uploads_enabled"] and info["multipart_downloads_enabled"], info

experiment = client.create_experiment("parts", artifact_location="mlflow-artifacts:/parts")
run_id = client.create_run(experiment).info.run_id


def signed(path):
    """A signed address of the storage itself, for an artifact of the run."""
    return requests.get(
        f"{server}/api/2.0/mlflow-artifacts/presigned/parts/{run_id}/artifacts/{path}", headers=headers
    ).json()


def tag(path):
    """What S3 calls the content; it says of how many parts an object was made."""
    address = signed(path)
    assert address["url"].startswith(os.environ["TEST_S3_ENDPOINT"] + "/artifacts/server/root/"), address
    with requests.get(address["url"], headers=address["headers"], stream=True) as answer:
        return answer.headers["ETag"]


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder)
    large = os.urandom(1 << 20) * 23 + b"end"
    (path / "large file.bin").write_bytes(large)
    (path / "small.bin").write_bytes(b"small")
    # In parts: five of them, and S3 says so in the tag.
    client.log_artifact(run_id, str(path / "large file.bin"), "model/weights")
    assert tag("model/weights/large%20file.bin").endswith('-5"')
    client.log_artifact(run_id, str(path / "small.bin"))
    assert "-" not in tag("small.bin")
    # Through the server, which makes parts of its own.
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "false"
    client.log_artifact(run_id, str(path / "large file.bin"), "streamed")
    assert tag("streamed/large%20file.bin").endswith('-2"')

    for multipart in ["false", "true"]:
        os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = multipart
        for place in ["model/weights", "streamed"]:
            with tempfile.TemporaryDirectory() as target:
                got = client.download_artifacts(run_id, f"{place}/large file.bin", target)
                assert pathlib.Path(got).read_bytes() == large, (multipart, place)
    listed = {f.path: f.file_size for f in client.list_artifacts(run_id, "model/weights")}
    assert listed == {"model/weights/large file.bin": len(large)}, listed

# A browser that follows a signed address saves the file and shows nothing.
address = signed("small.bin")
answer = requests.get(address["url"], headers=address["headers"])
assert answer.content == b"small" and address["file_size"] == 5, (address, answer)
assert "response-content-disposition=attachment%3B" in address["url"], address
print("OK")
