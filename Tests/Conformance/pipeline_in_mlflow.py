"""Looks at pipelines through MLflow's own server, client and web pages: pipeline_in_mlflow.py SWIFTFLOW.

A pipeline that succeeds, the same once more with everything reused, and one that fails are run; then the real `mlflow server` is started
on the SQLite file they left, and asked with `MlflowClient` and with the requests that MLflow's run list and run page send.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from mlflow import MlflowClient

from mlflow_server import expect, mlflow_server

PIPELINE = """name: shown
description: What MLflow shows of it.
params: {n: 3}
tags: {team: tests}
cache: true
steps:
  make:
    command: 'seq {n} > {out}; echo "rows={n}" >> "$SWIFTFLOW_OUTPUT"; echo made'
    params: {n: "${{ params.n }}", out: "${{ outputs.table }}"}
    outputs: {table: data/table.txt, rows: rows}
  train:
    matrix: {k: [2, 1]}
    command: 'SWIFTFLOW log metric rmse {k}; echo model {k} > {out}; cat {table}'
    params: {table: "${{ steps.make.outputs.table }}", out: "${{ outputs.model }}"}
    outputs: {model: model.txt}
    metrics: [rmse]
    select: {metric: rmse, goal: min}
  tell: {command: 'echo best {k}', params: {k: "${{ steps.train.best.params.k }}"}, cache: false}
"""

FAILING = """name: failing
steps:
  bad: {command: 'echo last words; exit 3'}
  after: {command: 'true', needs: [bad]}
"""


class Pages:
    """What the web pages ask."""

    def __init__(self, url):
        self.url = url

    def post(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def get(self, route, **fields):
        with urllib.request.urlopen(f"{self.url}/{route}?{urllib.parse.urlencode(fields, doseq=True)}", timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if "json" in answer.headers.get("Content-Type", "") else body


GET_RUN = """query GetRun($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) { apiError { code message }
  run { info { runName status runUuid experimentId startTime endTime } data { metrics { key value step timestamp }
  params { key value } tags { key value } } } } }"""


def check_client(client, run_id, second_id, failed_id):
    pipeline = client.get_run(run_id)
    expect(pipeline.info.status == "FINISHED" and pipeline.info.run_name == "shown", pipeline.info)
    expect(pipeline.data.params["n"] == "3", pipeline.data.params)
    expect(pipeline.data.tags["team"] == "tests" and pipeline.data.tags["swiftflow.pipeline"] == "shown")
    expect(pipeline.data.tags["mlflow.note.content"] == "What MLflow shows of it.")
    expect(json.loads(pipeline.data.tags["swiftflow.nodes"]) == {"succeeded": 4}, pipeline.data.tags)

    def below(parent):
        return {
            run.info.run_name: run
            for run in client.search_runs(["0"], f"tags.mlflow.parentRunId = '{parent}'")
        }

    steps = below(run_id)
    expect(set(steps) == {"make", "train", "tell"}, list(steps))
    cells = below(steps["train"].info.run_id)
    expect(set(cells) == {"train[k=2]", "train[k=1]"}, list(cells))
    for run in [*steps.values(), *cells.values()]:
        expect(run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time, run.info)
        expect(client.get_parent_run(run.info.run_id) is not None, run.info.run_name)
    make, best = steps["make"], cells["train[k=1]"]
    expect(make.data.params["n"] == "3" and make.data.tags["swiftflow.output.rows"] == "3", make.data)
    expect(make.data.tags["mlflow.source.type"] == "PROJECT" and make.data.tags["mlflow.project.backend"] == "local")
    expect({"system/wall_seconds", "system/cpu_seconds", "system/max_rss_mb", "system/queue_seconds"} <= set(make.data.metrics))
    expect(best.data.metrics["rmse"] == 1 and best.data.params["k"] == "1")
    expect(steps["train"].data.tags["swiftflow.best_run_id"] == best.info.run_id)
    expect(steps["train"].data.metrics["rmse"] == 1, "the group has the best cell's metrics")
    expect(best.data.tags["swiftflow.input.table"] == f"runs:/{make.info.run_id}/data/table.txt")
    found = client.search_runs(["0"], f"tags.`swiftflow.input.table` = 'runs:/{make.info.run_id}/data/table.txt'")
    expect({run.info.run_name for run in found} == set(cells), "lineage is searched from the input's side")

    names = {item.path for item in client.list_artifacts(run_id, "pipeline")}
    wanted = {"pipeline/pipeline.yaml", "pipeline/plan.json", "pipeline/graph.mmd", "pipeline/report.html"}
    expect(wanted <= names, names)
    with tempfile.TemporaryDirectory() as folder:
        with open(client.download_artifacts(make.info.run_id, "data/table.txt", folder)) as file:
            expect(file.read() == "1\n2\n3\n")
        with open(client.download_artifacts(make.info.run_id, "logs/output.log", folder)) as file:
            expect(file.read() == "made\n")
        with open(client.download_artifacts(run_id, "pipeline/report.html", folder)) as file:
            expect("train" in file.read())
        with open(client.download_artifacts(run_id, "pipeline/plan.json", folder)) as file:
            expect(json.load(file)["name"] == "shown")

    reused = below(second_id)
    expect(reused["make"].data.tags["swiftflow.cached_from"] == make.info.run_id, reused["make"].data.tags)
    expect(reused["make"].info.status == "FINISHED" and reused["make"].data.params == make.data.params)
    again = below(reused["train"].info.run_id)
    expect(again["train[k=1]"].data.metrics["rmse"] == 1, "metrics of a reused run are copied")

    failed = client.get_run(failed_id)
    expect(failed.info.status == "FAILED" and failed.data.tags["swiftflow.blocked"] == "after", failed.data.tags)
    bad = below(failed_id)
    expect(set(bad) == {"bad"} and bad["bad"].info.status == "FAILED", bad)
    expect(bad["bad"].data.tags["swiftflow.reason"] == "exit", bad["bad"].data.tags)
    query = "tags.`swiftflow.pipeline` = 'failing' and attributes.status = 'FAILED'"
    expect([run.info.run_id for run in client.search_runs(["0"], query)] == [failed_id])


def check_pages(pages, run_id, client):
    # The run list, as it first asks, and as it asks for the children of a run that is opened.
    listed = pages.post(
        "ajax-api/2.0/mlflow/runs/search",
        {"experiment_ids": ["0"], "order_by": ["attributes.start_time DESC"], "run_view_type": "ACTIVE_ONLY", "max_results": 100},
    )["runs"]
    by_id = {run["info"]["run_id"]: run for run in listed}
    expect(run_id in by_id, "the pipeline is in the run list")

    def tags(run):
        return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}

    parents = {id: tags(run).get("mlflow.parentRunId") for id, run in by_id.items()}
    roots = [id for id, parent in parents.items() if parent is None]
    expect(len(roots) == 3, "three pipelines are at the top", [tags(by_id[id]).get("mlflow.runName") for id in roots])
    expect(all(parent in by_id for parent in parents.values() if parent), "every child is below a run that is listed")
    children = pages.post(
        "ajax-api/2.0/mlflow/runs/search",
        {"experiment_ids": ["0"], "filter": f"tags.`mlflow.parentRunId` = '{run_id}'", "max_results": 100},
    )["runs"]
    expect(len(children) == 3, len(children))
    # The run page: its facts come by GraphQL, the rest by REST.
    shown = pages.post("graphql", {"operationName": "GetRun", "query": GET_RUN, "variables": {"data": {"runId": run_id}}})
    run = shown["data"]["mlflowGetRun"]["run"]
    expect(run["info"]["status"] == "FINISHED" and run["info"]["runName"] == "shown", shown)
    expect({"key": "n", "value": "3"} in run["data"]["params"], run["data"]["params"])
    expect(pages.get("ajax-api/2.0/mlflow/runs/get", run_id=run_id)["run"]["info"]["status"] == "FINISHED")
    files = pages.get("ajax-api/2.0/mlflow/artifacts/list", run_id=run_id, path="pipeline")["files"]
    expect("pipeline/report.html" in {file["path"] for file in files}, files)
    report = pages.get("get-artifact", path="pipeline/report.html", run_uuid=run_id)
    text = report.decode() if isinstance(report, bytes) else json.dumps(report)
    expect("Timeline" in text and "train" in text, text[:300])
    group = next(run for run in children if tags(run).get("mlflow.runName") == "train")
    cells = [id for id, parent in parents.items() if parent == group["info"]["run_id"]]
    # The charts of the run list.
    history = pages.get(
        "ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", run_ids=cells, metric_key="rmse", max_results=320)
    expect({point["value"] for point in history["metrics"]} == {1, 2}, history)
    make = next(run for run in children if tags(run).get("mlflow.runName") == "make")
    log = pages.get("get-artifact", path="logs/output.log", run_uuid=make["info"]["run_id"])
    expect(log == b"made\n", log)
    experiments = pages.post("ajax-api/2.0/mlflow/experiments/search", {"max_results": 25})["experiments"]
    expect(any(each["experiment_id"] == "0" for each in experiments), experiments)
    with urllib.request.urlopen(pages.url, timeout=60) as page:
        expect(b"<div id=\"root\"" in page.read(), "the page itself")


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "USER": "tester", "SWIFTFLOW_CACHE": f"{folder}/cache"}
        os.mkdir(f"{folder}/project")
        with open(f"{folder}/project/pipeline.yaml", "w") as file:
            file.write(PIPELINE.replace("SWIFTFLOW log", f"{program} log"))
        with open(f"{folder}/project/failing.yaml", "w") as file:
            file.write(FAILING)

        def run(*arguments, code):
            done = subprocess.run(
                [program, "run", *arguments, "--progress", "json"], cwd=folder, env=environment, capture_output=True, text=True)
            expect(done.returncode == code, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
            return json.loads(done.stdout.splitlines()[0])["run_id"]

        first = run("project/pipeline.yaml", code=0)
        second = run("project/pipeline.yaml", code=0)
        failed = run("project/failing.yaml", code=1)
        with mlflow_server(folder, "mlflow.db", environment) as url:
            client = MlflowClient(url)
            check_client(client, first, second, failed)
            check_pages(Pages(url), first, client)
    print("MLflow shows pipelines as they are")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
