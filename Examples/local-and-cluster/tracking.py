"""The little of MLflow's REST API that a job needs, so that any image with Python will do; with the mlflow package in it, use that."""

import json
import os
import time
import urllib.request

SERVER = os.environ["MLFLOW_TRACKING_URI"].rstrip("/")
RUN = os.environ["MLFLOW_RUN_ID"]


def request(method, path, body=None, kind="application/json"):
    headers = {"Content-Type": kind}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{SERVER}/api/2.0/{path}", data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def stored(root, path):
    """Where the server keeps an artifact of a run whose root is `mlflow-artifacts:/0/RUN/artifacts`."""
    return f"mlflow-artifacts/artifacts{root.removeprefix('mlflow-artifacts:')}/{path}"


def download(uri):
    """The files of the folder `runs:/RUN/folder`, by name."""
    run, folder = uri.removeprefix("runs:/").split("/", 1)
    answer = json.loads(request("GET", f"mlflow/artifacts/list?run_id={run}&path={folder}"))
    paths = [file["path"] for file in answer["files"]]
    return {os.path.basename(path): request("GET", stored(answer["root_uri"], path)).decode() for path in paths}


def upload(name, text):
    info = json.loads(request("GET", f"mlflow/runs/get?run_id={RUN}"))["run"]["info"]
    request("PUT", stored(info["artifact_uri"], name), text.encode(), "application/octet-stream")


def log_metric(name, value):
    body = {"run_id": RUN, "key": name, "value": value, "timestamp": int(time.time() * 1000), "step": 0}
    request("POST", "mlflow/runs/log-metric", json.dumps(body).encode())
