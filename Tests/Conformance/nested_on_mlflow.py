"""Records pipelines within pipelines on MLflow's own server, and looks at them there: nested_on_mlflow.py SWIFTFLOW.

The real `mlflow server` is the store, artifacts too. A pipeline with nested ones (one of them with cells) is run, planned, run again with
everything reused, killed inside a nested pipeline and resumed, and a nested step is done again.
"""

import os
import signal
import subprocess
import sys
import tempfile

from mlflow import MlflowClient

from mlflow_server import expect, mlflow_server

FILES = {
    "inner/pipeline.yaml": """name: inner
cache: true
params: {table: {type: path}, k: 1}
steps:
  clean:
    command: 'sort -n {table} > {out}; echo cleaned {k}'
    params: {table: "${{ params.table }}", k: "${{ params.k }}", out: "${{ outputs.sorted }}"}
    outputs: {sorted: sorted.txt}
  fit:
    command: 'SWIFTFLOW log metric loss {k}; test {id} = "$MLFLOW_RUN_ID"; test "$(cat HOLD)" != {k} || sleep 60; cat {s} MARK > {out}'
    params:
      s: ${{ steps.clean.outputs.sorted }}
      k: ${{ params.k }}
      id: ${{ run.run_id }}
      out: ${{ outputs.model }}
    outputs: {model: model.txt}
    metrics: [loss]
    cache: {ignore: [id]}
outputs:
  model: ${{ steps.fit.outputs.model }}
  loss: ${{ steps.fit.metrics.loss }}
""",
    "pipeline.yaml": """name: outer
cache: true
steps:
  make: {command: 'seq 3 -1 1 > {out}', params: {out: "${{ outputs.table }}"}, outputs: {table: table.txt}}
  train:
    matrix: {k: [2, 1]}
    pipeline: inner/pipeline.yaml
    params: {table: "${{ steps.make.outputs.table }}"}
    metrics: [loss]
    select: {metric: loss, goal: min}
  tell:
    command: 'cat {model}; echo {loss}'
    params: {model: "${{ steps.train.best.outputs.model }}", loss: "${{ steps.train.best.metrics.loss }}"}
""",
}


class Folder:
    def __init__(self, path, program):
        self.path = path
        self.program = program
        for name, text in FILES.items():
            os.makedirs(os.path.dirname(f"{path}/project/{name}"), exist_ok=True)
            text = text.replace("SWIFTFLOW log", f"{program} log")
            self.write(f"project/{name}", text.replace("HOLD", f"{path}/hold").replace("MARK", f"{path}/mark"))
        self.write("hold", "none")
        self.write("mark", "one\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": path, "USER": "tester", "SWIFTFLOW_CACHE": f"{path}/cache"}

    def write(self, name, text):
        with open(f"{self.path}/{name}", "w") as file:
            file.write(text)

    def swiftflow(self, *arguments, code=0):
        done = subprocess.run(
            [self.program, *arguments], cwd=self.path, env=self.environment, capture_output=True, text=True)
        expect(done.returncode == code, arguments, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout + done.stderr


class Store:
    def __init__(self, url):
        self.client = MlflowClient(url)

    def below(self, parent):
        found = self.client.search_runs(["0"], f"tags.mlflow.parentRunId = '{parent}'")
        names = {}
        for run in sorted(found, key=lambda run: int(run.data.tags.get("swiftflow.attempt", 1))):
            names[run.info.run_name] = run
        return names

    def outermost(self):
        found = self.client.search_runs(["0"], "tags.`swiftflow.pipeline` = 'outer'", order_by=["attributes.start_time DESC"])
        return found[0]

    def all(self):
        return self.client.search_runs(["0"], max_results=1000)

    def text(self, run, path):
        with tempfile.TemporaryDirectory() as folder:
            with open(self.client.download_artifacts(run.info.run_id, path, folder)) as file:
                return file.read()

    def check(self, pipeline, mark):
        """What a reader sees: pipelines in pipelines, each value where it belongs."""
        expect(pipeline.info.status == "FINISHED", pipeline.info)
        steps = self.below(pipeline.info.run_id)
        expect(set(steps) == {"make", "train", "tell"}, list(steps))
        cells = self.below(steps["train"].info.run_id)
        expect(set(cells) == {"train[k=2]", "train[k=1]"}, list(cells))
        expect(steps["train"].data.tags["swiftflow.best_run_id"] == cells["train[k=1]"].info.run_id)
        for k in (1, 2):
            nested = cells[f"train[k={k}]"]
            expect(nested.data.tags["swiftflow.pipeline"] == "inner", nested.data.tags)
            expect(nested.data.params["k"] == str(k) and nested.data.metrics["loss"] == k, nested.data)
            inner = self.below(nested.info.run_id)
            expect(set(inner) == {"clean", "fit"}, list(inner))
            fit = inner["fit"]
            if "swiftflow.cached_from" not in fit.data.tags:
                expect(fit.data.params["id"] == fit.info.run_id, fit.data.params)
                expect(fit.data.metrics["loss"] == k, fit.data.metrics)
                expect(self.text(fit, "model.txt") == "1\n2\n3\n" + mark, "the artifact is on the server")
            expect("pipeline/report.html" in {f.path for f in self.client.list_artifacts(nested.info.run_id, "pipeline")})
        report = self.text(pipeline, "pipeline/report.html")
        expect("train[k=2]/clean" in report and "class=\"box pipeline frame\"" in report, "the report shows what is inside")
        for run in self.all():
            expect(run.info.status != "RUNNING", run.info.run_name)
            expect("swiftflow.lease" not in run.data.tags, run.info.run_name)


def check(folder, store):
    folder.swiftflow("run", "project/pipeline.yaml")
    first = store.outermost()
    store.check(first, "one\n")
    expect("1\n" in folder.swiftflow("logs", first.info.run_id, "tell"))
    expect("cleaned 2" in folder.swiftflow("logs", first.info.run_id, "train[k=2]/clean"))
    status = folder.swiftflow("status", first.info.run_id)
    expect("train[k=1]/fit" in status, status)

    plan = folder.swiftflow("plan", "project/pipeline.yaml", "--check")
    expect(plan.startswith("outer  4 steps, 0 to run, 6 reused"), plan)
    expect("unnoticed" not in plan, "what a step hands on is known by its content", plan)
    folder.swiftflow("run", "project/pipeline.yaml")
    store.check(store.outermost(), "one\n")
    reused = [run for run in store.all() if "swiftflow.cached_from" in run.data.tags]
    expect(len(reused) == 6, len(reused))

    # Killed while a nested step is done again; the next runner goes on with that.
    folder.write("mark", "two\n")
    folder.write("hold", "2")
    before = len(store.all())
    running = subprocess.Popen(
        [folder.program, "resume", first.info.run_id, "--from", "train[k=2]/fit", "--progress", "plain"], cwd=folder.path,
        env=folder.environment, stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if "▶ train[k=2]/fit" in line:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stderr.close()
    folder.write("hold", "none")
    folder.swiftflow("resume", first.info.run_id)
    done = store.client.get_run(first.info.run_id)
    expect(done.info.status == "FINISHED")
    cells = store.below(store.below(first.info.run_id)["train"].info.run_id)
    fit = store.below(cells["train[k=2]"].info.run_id)["fit"]
    expect(fit.info.status == "FINISHED" and int(fit.data.tags["swiftflow.attempt"]) >= 2, fit.data.tags)
    expect(store.text(fit, "model.txt") == "1\n2\n3\ntwo\n")
    expect(store.text(store.below(cells["train[k=1]"].info.run_id)["fit"], "model.txt") == "1\n2\n3\none\n")
    # One or two more attempts of `fit`, and one of `tell`, and nothing else.
    expect(len(store.all()) - before in (2, 3), len(store.all()) - before)
    expect(all(run.info.status != "RUNNING" for run in store.all()))


def main(program):
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path, program)
        with mlflow_server(path, "server.db", folder.environment, "--artifacts-destination", f"{path}/kept") as url:
            folder.environment["MLFLOW_TRACKING_URI"] = url
            check(folder, Store(url))
    print("nested pipelines are on MLflow's server as they are")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
