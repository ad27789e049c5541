"""A container's whole life: `swiftflow run` on a docker project beside plain `docker run --rm` with the same image and options.

All take turns, so that a machine whose speed drifts treats them alike. Needs a Docker engine with an image that has `sh` (DOCKER_HOST and
--image); without one it starts the tests' own (scripts/engines/docker.sh). Times are wall milliseconds; the processor's time is that of
the program and of all clients it calls, not the engine's. `swiftflow run, no container` is the same command on this machine: what the
program costs by itself. With --baseline another build of it takes its turns as well.
"""

import argparse
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/engines/docker.sh"


def adopt_orphans():
    """Makes what our commands leave behind when they end (their keepers, for a moment) children of ours, so that it is counted too."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def milliseconds(command, folder, environment):
    start, used = time.monotonic(), processor_time()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    wall = time.monotonic() - start
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return wall * 1000, (processor_time() - used) * 1000


def engine_variables(engine):
    lines = subprocess.run([SCRIPT, "start", engine], check=True, stdout=subprocess.PIPE, text=True).stdout
    shell = ["bash", "-c", f"{lines}\nenv -0"]
    entries = subprocess.run(shell, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swiftflow", required=True)
    parser.add_argument("--baseline", help="another build to compare with")
    parser.add_argument("--mlflow")
    parser.add_argument("--image", default="busybox:test")
    parser.add_argument("--networks", default="bridge,host")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="sf-bench-")
    engine = None
    environment = dict(os.environ)
    if "DOCKER_HOST" not in environment:
        engine = os.path.join(folder, "engine")
        environment = engine_variables(engine)
    adopt_orphans()
    try:
        project = os.path.join(folder, "project")
        os.mkdir(project)
        entry = "entry_points:\n  main: {command: 'true'}\n"
        with open(os.path.join(project, "MLproject"), "w") as file:
            file.write(f"name: noop\ndocker_env: {{image: '{arguments.image}'}}\n{entry}")
        bare = os.path.join(folder, "bare")
        os.mkdir(bare)
        with open(os.path.join(bare, "MLproject"), "w") as file:
            file.write(f"name: noop\n{entry}")
        rows = []
        for network in arguments.networks.split(","):
            # What a careful person would type: the same mount, user, folder, init and limits of what is inherited.
            plain = ["docker", "run", "--rm", "--network", network, arguments.image, "sh", "-c", "true"]
            same = ["docker", "run", "--rm", "--init", "--network", network, "--user", f"{os.getuid()}:{os.getgid()}"]
            same += ["--mount", f"type=bind,source={project},target={project}", "--workdir", project]
            same += ["--env", "MLFLOW_RUN_ID=x", arguments.image, "sh", "-c", "true"]
            # The bridge is what we take by ourselves.
            options = ["run", "."] + (["-c", '{"network": "host"}'] if network == "host" else [])
            commands = {"docker run": (plain, project), "docker run, same options": (same, project)}
            if arguments.baseline:
                commands["swiftflow run, baseline"] = ([arguments.baseline] + options, project)
            commands["swiftflow run"] = ([arguments.swiftflow] + options, project)
            commands["swiftflow run, no container"] = (
                [arguments.swiftflow, "run", bare, "--env-manager", "local"], project)
            times = {name: [] for name in commands}
            for command, place in commands.values():
                milliseconds(command, place, environment)
            for _ in range(arguments.rounds):
                for name, (command, place) in commands.items():
                    times[name].append(milliseconds(command, place, environment))
            peer = statistics.median(wall for wall, _ in times["docker run, same options"])
            for name, values in times.items():
                walls = [wall for wall, _ in values]
                median = statistics.median(walls)
                used = statistics.median(used for _, used in values)
                rows.append((network, name, median, min(walls), used, median / peer))
        print("\n| network | what | median, ms | minimum, ms | processor, ms | against the same options |\n|---|---|---|---|---|---|")
        for network, name, median, minimum, used, ratio in rows:
            print(f"| {network} | {name} | {median:.0f} | {minimum:.0f} | {used:.0f} | {ratio:.2f} |")
    finally:
        if engine:
            subprocess.run([SCRIPT, "stop", engine], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
