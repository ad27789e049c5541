"""A job's whole life on a cluster: `swiftflow run -b kubernetes` beside `kubectl create` + `kubectl wait` + `kubectl logs` of the same Job.

Both take turns, so that a machine whose speed drifts treats them alike. Needs a cluster (KUBECONFIG) whose nodes have an image with `sh`
(--image); without one it starts the tests' own (scripts/engines/kubernetes.sh, as root). Times are wall milliseconds.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/engines/kubernetes.sh"


def call(command, folder, environment, text=None):
    subprocess.run(
        command, cwd=folder, env=environment, input=text, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


def cluster_variables(cluster):
    subprocess.run([SCRIPT, "start", cluster], check=True)
    shell = ["bash", "-c", f". {cluster}/env; env -0"]
    entries = subprocess.run(shell, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def job(name, image, command):
    container = {"name": "main", "image": image, "command": ["sh", "-c", command]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swiftflow", required=True)
    parser.add_argument("--mlflow", help="not used: it has no part in this")
    parser.add_argument("--image", default="swiftflow-test/busybox:1")
    parser.add_argument("--command", default="echo done")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="sf-bench-")
    cluster = None
    environment = dict(os.environ)
    if "KUBECONFIG" not in environment:
        cluster = os.path.join(folder, "cluster")
        environment = cluster_variables(cluster)
    # The command logs nothing; without this a store in a file would be refused.
    environment["KUBE_MLFLOW_TRACKING_URI"] = "http://tracking.invalid"
    try:
        project = os.path.join(folder, "project")
        os.mkdir(project)
        with open(os.path.join(project, "MLproject"), "w") as file:
            json.dump({
                "name": "noop", "docker_env": {"image": arguments.image},
                "entry_points": {"main": {"command": arguments.command}}}, file)

        def peer(name):
            call(["kubectl", "create", "-f", "-"], project, environment, job(name, arguments.image, arguments.command))
            call(["kubectl", "wait", "--for=condition=complete", f"job/{name}", "--timeout=120s"], project, environment)
            call(["kubectl", "logs", f"job/{name}"], project, environment)

        def ours(_):
            call([arguments.swiftflow, "run", ".", "-b", "kubernetes"], project, environment)

        times = {"kubectl create + wait + logs": [], "swiftflow run": []}
        for number in range(arguments.rounds + 1):
            for name, work in zip(times, [peer, ours]):
                start = time.monotonic()
                work(f"bench-{os.getpid()}-{number}")
                # The first round warms caches.
                if number > 0:
                    times[name].append((time.monotonic() - start) * 1000)
        base = statistics.median(times["kubectl create + wait + logs"])
        print("\n| what | median, ms | minimum, ms | against kubectl |\n|---|---|---|---|")
        for name, values in times.items():
            median = statistics.median(values)
            print(f"| {name} | {median:.0f} | {min(values):.0f} | {median / base:.2f} |")
    finally:
        if cluster:
            subprocess.run([SCRIPT, "stop", cluster], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
