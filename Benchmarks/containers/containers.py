"""A container's whole life: `swiftflow run` on a docker project beside plain `docker run --rm` with the same image and options.

Both take turns, so that a machine whose speed drifts treats them alike. Needs a Docker engine with an image that has `sh` (DOCKER_HOST and
--image); without one it starts the tests' own (scripts/engines/docker.sh). Times are wall milliseconds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/engines/docker.sh"


def milliseconds(command, folder, environment):
    start = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return (time.monotonic() - start) * 1000


def engine_variables(engine):
    lines = subprocess.run([SCRIPT, "start", engine], check=True, stdout=subprocess.PIPE, text=True).stdout
    shell = ["bash", "-c", f"{lines}\nenv -0"]
    entries = subprocess.run(shell, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swiftflow", required=True)
    parser.add_argument("--mlflow")
    parser.add_argument("--image", default="busybox:test")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="sf-bench-")
    engine = None
    environment = dict(os.environ)
    if "DOCKER_HOST" not in environment:
        engine = os.path.join(folder, "engine")
        environment = engine_variables(engine)
    try:
        project = os.path.join(folder, "project")
        os.mkdir(project)
        with open(os.path.join(project, "MLproject"), "w") as file:
            file.write(f"name: noop\ndocker_env: {{image: '{arguments.image}'}}\nentry_points:\n  main: {{command: 'true'}}\n")
        rows = []
        for network in ["bridge", "host"]:
            # What a careful person would type: the same mount, user, folder, init and limits of what is inherited.
            plain = ["docker", "run", "--rm", "--network", network, arguments.image, "sh", "-c", "true"]
            same = ["docker", "run", "--rm", "--init", "--network", network, "--user", f"{os.getuid()}:{os.getgid()}"]
            same += ["--mount", f"type=bind,source={project},target={project}", "--workdir", project]
            same += ["--env", "MLFLOW_RUN_ID=x", arguments.image, "sh", "-c", "true"]
            # The bridge is what we take by ourselves.
            ours = [arguments.swiftflow, "run", "."] + (["-c", '{"network": "host"}'] if network == "host" else [])
            commands = {"docker run": plain, "docker run, same options": same, "swiftflow run": ours}
            times = {name: [] for name in commands}
            for name, command in commands.items():
                milliseconds(command, project, environment)
            for _ in range(arguments.rounds):
                for name, command in commands.items():
                    times[name].append(milliseconds(command, project, environment))
            peer = statistics.median(times["docker run, same options"])
            for name in commands:
                median = statistics.median(times[name])
                rows.append((network, name, median, min(times[name]), median / peer))
        print("\n| network | what | median, ms | minimum, ms | against the same options |\n|---|---|---|---|---|")
        for network, name, median, minimum, ratio in rows:
            print(f"| {network} | {name} | {median:.0f} | {minimum:.0f} | {ratio:.2f} |")
    finally:
        if engine:
            subprocess.run([SCRIPT, "stop", engine], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
