"""Runs the same projects with `mlflow run` and with swiftflow and compares what users can see of both: projects.py SWIFTFLOW MLFLOW.

Compared are the arguments, folder and MLFLOW_ variables the command sees, the exit code, and the run's status, params and tags in the store.
What swiftflow does better on purpose is left out of the comparison and named beside it.
"""

import json
import os
import subprocess
import sys
import tempfile

import mlflow

PROBE = """import json, os, sys
names = sorted(name for name in os.environ if name.startswith("MLFLOW_"))
print("PROBE " + json.dumps([sys.argv[1:], os.getcwd(), names]))
sys.exit(int(os.environ.get("PROBE_EXIT", "0")))
"""

PROJECT = """name: parity
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.10}
      count: {type: int, default: 010}
      text: {default: plain}
      flag: {default: yes}
      small: {default: 1.0e-5}
      items: {default: [1, two, 3.0]}
    command: "python probe.py {alpha} {count} {text} {flag} {small}"
  required:
    parameters: {needed: string}
    command: "python probe.py {needed} && true"
  braces:
    command: "A=b; python probe.py ${{A}} '{{x}}'"
  failing:
    command: "PROBE_EXIT=7 python probe.py"
"""

CASES = [
    ("defaults", []),
    ("given values", ["-P", "alpha=3", "-P", "count=-4", "-P", "text=a-b_c.d/e"]),
    ("undeclared values", ["-P", "extra=1", "-P", "other=two words"]),
    ("hostile value", ["-P", "text=$(touch x); 'q' \"d\" `b` *"]),
    ("required", ["-e", "required", "-P", "needed=x y"]),
    ("required missing", ["-e", "required"]),
    ("braces", ["-e", "braces"]),
    ("failing", ["-e", "failing"]),
    ("python script", ["-e", "probe.py", "-P", "a=1"]),
    ("shell script", ["-e", "script.sh", "-P", "a=1"]),
    ("unknown entry point", ["-e", "nothing"]),
    ("run name", ["--run-name", "named"]),
    ("experiment", ["--experiment-name", "mine"]),
    ("usage", ["-P", "novalue"]),
]

# Ours, or set by swiftflow where MLflow forgets them: the token of the endpoint and the login made of it.
OURS = {"MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"}


def observe(program, project, options, folder):
    os.makedirs(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "GIT_", "SWIFTFLOW_"))}
    # MLflow leaves an empty folder there with each run.
    environment["TMPDIR"] = os.path.join(folder, "tmp")
    os.mkdir(environment["TMPDIR"])
    done = subprocess.run(
        [program, "run", project, "--env-manager", "local", *options], cwd=folder, env=environment, capture_output=True, text=True
    )
    probe = next((json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("PROBE ")), None)
    if probe:
        probe[2] = [name for name in probe[2] if name not in OURS]
    seen = {"exit code": done.returncode, "command": probe, "run": None}
    if os.path.exists(os.path.join(folder, "mlflow.db")):
        client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
        experiments = client.search_experiments()
        runs = client.search_runs([experiment.experiment_id for experiment in experiments])
        seen["run"] = [
            {
                "experiment": client.get_experiment(run.info.experiment_id).name,
                "status": run.info.status,
                # MLflow logs shell-quoted values; the raw ones are right.
                "params": {key: value.strip("'") if "'" not in value[1:-1] else "quoted" for key, value in run.data.params.items()},
                "tags": {
                    key: value for key, value in run.data.tags.items()
                    if key.startswith("mlflow.") and not (key == "mlflow.runName" and "--run-name" not in options)
                },
            }
            for run in runs
        ]
    return seen


def main():
    swiftflow, mlflow_program = sys.argv[1:]
    differences = 0
    with tempfile.TemporaryDirectory() as root:
        project = os.path.join(root, "project")
        os.mkdir(project)
        for name, text in (("MLproject", PROJECT), ("probe.py", PROBE), ("script.sh", 'python probe.py script "$@"\n')):
            with open(os.path.join(project, name), "w") as file:
                file.write(text)
        for name, options in CASES:
            folder = name.replace(" ", "-")
            ours = observe(swiftflow, project, options, os.path.join(root, "ours", folder))
            theirs = observe(mlflow_program, project, options, os.path.join(root, "theirs", folder))
            # MLflow creates its database before it looks at the project; no run in it is the same as no database.
            ours["run"], theirs["run"] = ours["run"] or None, theirs["run"] or None
            if ours != theirs:
                differences += 1
                print(f"{name}:\n  swiftflow: {json.dumps(ours, sort_keys=True)}\n  mlflow:    {json.dumps(theirs, sort_keys=True)}")
            else:
                print(f"{name}: same")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
