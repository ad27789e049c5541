"""From Enter to the first instruction of the entry point, and a whole no-op run: swiftflow beside `mlflow run`.

Both run the same project with the local environment manager into a SQLite store of their own that already exists, taking turns, so that a
machine whose speed drifts treats them alike. Times are wall milliseconds; CPU and memory come from the kernel's accounting of the finished
process and its children.
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
import time

PROJECT = """name: noop
entry_points:
  main:
    command: "echo $EPOCHREALTIME"
"""


def measure(command, folder, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started_at = time.time()
    clock = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, messages = process.communicate()
    wall = time.monotonic() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{messages.decode()}")
    first = float(output.split()[-1].replace(b",", b"."))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"first instruction": (first - started_at) * 1000, "whole run": wall * 1000, "CPU": cpu * 1000}


def peak_memory(command, folder, environment):
    """Largest resident set in MiB, from a child of its own so that the other program's peak is not seen."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.write(writer, str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        return int(file.read()) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swiftflow", default="swiftflow")
    parser.add_argument("--mlflow", default="mlflow")
    parser.add_argument("--runs", type=int, default=40, help="of swiftflow; mlflow runs an eighth as often")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        project = os.path.join(folder, "project")
        os.mkdir(project)
        with open(os.path.join(project, "MLproject"), "w") as file:
            file.write(PROJECT)
        commands, folders, figures, memory = {}, {}, {}, {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment["PATH"] = f"{os.path.dirname(os.path.abspath(arguments.mlflow))}:{environment['PATH']}"
        for name, program in (("swiftflow", arguments.swiftflow), ("mlflow", arguments.mlflow)):
            commands[name] = [os.path.abspath(program), "run", project, "--env-manager", "local"]
            folders[name] = os.path.join(folder, name)
            os.mkdir(folders[name])
            figures[name] = []
            measure(commands[name], folders[name], environment)
            memory[name] = peak_memory(commands[name], folders[name], environment)
        for turn in range(arguments.runs):
            figures["swiftflow"].append(measure(commands["swiftflow"], folders["swiftflow"], environment))
            if turn % 8 == 0:
                figures["mlflow"].append(measure(commands["mlflow"], folders["mlflow"], environment))

    print(f"{'no-op run':<20}{'swiftflow':>12}{'(minimum)':>12}{'mlflow':>12}{'ratio':>9}")
    for figure in ("first instruction", "whole run", "CPU"):
        ours = [run[figure] for run in figures["swiftflow"]]
        theirs = [run[figure] for run in figures["mlflow"]]
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(
            f"{figure + ', ms':<20}{statistics.median(ours):>12.1f}{min(ours):>12.1f}"
            f"{statistics.median(theirs):>12.0f}{ratio:>8.0f}x"
        )
    print(
        f"{'peak memory, MiB':<20}{memory['swiftflow']:>12.1f}{'':>12}{memory['mlflow']:>12.0f}"
        f"{memory['mlflow'] / memory['swiftflow']:>8.0f}x"
    )


if __name__ == "__main__":
    main()
