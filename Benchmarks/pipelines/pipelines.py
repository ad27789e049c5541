"""Chains and fan-outs of steps that do nothing: swiftflow beside make, ninja, doit, snakemake, luigi and a loop over `mlflow.projects.run`.

Two steps at once everywhere. Only swiftflow and MLflow record every step as a run. All take turns in one sitting; the slow ones run once and
with fewer steps, as the table says. Wall, CPU and peak memory come from the kernel's accounting of the finished process and its children.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

STEP = "touch {0}"


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


class Swiftflow:
    name, sizes, repetitions = "swiftflow", (100, 1000, 10000), 3

    def __init__(self, options):
        self.program = options.swiftflow

    def prepare(self, folder, shape, count, command="true"):
        if shape == "chain":
            # Equal steps would be run once, and copied: each has a param of its own, as the cells of the fan-out have.
            steps = "".join(
                f'  s{i}: {{command: "{command}", params: {{n: {i}}}' + (f", needs: [s{i - 1}]" if i else "") + "}\n"
                for i in range(count)
            )
        else:
            steps = f'  s: {{command: "{command}", matrix: {{n: "${{{{ range({count}) }}}}"}}}}\n'
        write(folder, "pipeline.yaml", f"name: bench\ncache: true\nlimits: {{parallel: 2}}\nsteps:\n{steps}")

    def command(self, folder):
        return [self.program, "run", "pipeline.yaml", "--progress", "quiet"]


class Make:
    name, sizes, repetitions = "make", (100, 1000, 10000), 3

    def __init__(self, options):
        pass

    def prepare(self, folder, shape, count, command=STEP):
        lines = ["all: " + (f"s{count - 1}" if shape == "chain" else " ".join(f"s{i}" for i in range(count)))]
        for i in range(count):
            before = f" s{i - 1}" if shape == "chain" and i else ""
            lines += [f"s{i}:{before}", "\t@" + command.format(f"s{i}").replace("$", "$$")]
        write(folder, "Makefile", "\n".join(lines) + "\n")

    def command(self, folder):
        return ["make", "-s", "-j2"]


class Ninja:
    name, sizes, repetitions = "ninja", (100, 1000, 10000), 3

    def __init__(self, options):
        pass

    def prepare(self, folder, shape, count, command=STEP):
        lines = ["rule step", "  command = " + command.replace("$", "$$").format("$out")]
        for i in range(count):
            lines.append(f"build s{i}: step" + (f" s{i - 1}" if shape == "chain" and i else ""))
        write(folder, "build.ninja", "\n".join(lines) + "\n")

    def command(self, folder):
        return ["ninja", "--quiet", "-j2"]


class Doit:
    name, sizes, repetitions = "doit", (100, 1000, 10000), 1

    def __init__(self, options):
        self.program = os.path.join(options.tools, "doit")

    def prepare(self, folder, shape, count, command=STEP):
        write(
            folder, "dodo.py",
            f"""def task_s():
    for i in range({count}):
        yield dict(name=str(i), actions=[{command.replace("%", "%%")!r}.format(f"s{{i}}")], targets=[f"s{{i}}"],
                   file_dep=[f"s{{i - 1}}"] if {shape == "chain"} and i else [], uptodate=[True])
""")

    def command(self, folder):
        return [self.program, "-n", "2", "-v", "0"]


class Snakemake:
    name, sizes, repetitions = "snakemake", (100, 1000), 1

    def __init__(self, options):
        self.program = os.path.join(options.tools, "snakemake")

    def prepare(self, folder, shape, count, command=STEP):
        lines = ["rule all:", "    input: expand('s{i}', i=range(%d))" % count]
        for i in range(count):
            lines.append(f"rule s{i}:")
            if shape == "chain" and i:
                lines.append(f"    input: 's{i - 1}'")
            lines += [f"    output: 's{i}'", f"    shell: {command.format(f's{i}')!r}"]
        write(folder, "Snakefile", "\n".join(lines) + "\n")

    def command(self, folder):
        return [self.program, "-q", "all", "-j2"]


class Luigi:
    name, sizes, repetitions = "luigi", (100, 1000), 1

    def __init__(self, options):
        self.program = os.path.join(options.tools, "python")

    def prepare(self, folder, shape, count, command=STEP):
        requires = "[S(i=self.i - 1)] if self.i else []" if shape == "chain" else "[]"
        roots = f"[S(i={count - 1})]" if shape == "chain" else f"[S(i=i) for i in range({count})]"
        write(
            folder, "work.py",
            f"""import luigi, subprocess
class S(luigi.Task):
    i = luigi.IntParameter()
    def requires(self): return {requires}
    def output(self): return luigi.LocalTarget(f"s{{self.i}}")
    def run(self): subprocess.run({command!r}.format(f"s{{self.i}}"), shell=True, check=True)
luigi.build({roots}, local_scheduler=True, workers=2, log_level="ERROR")
""")

    def command(self, folder):
        return [self.program, "work.py"]


class MLflowLoop:
    name, sizes, repetitions = "mlflow loop", (5,), 1

    def __init__(self, options):
        self.program = os.path.join(os.path.dirname(options.mlflow), "python")

    def prepare(self, folder, shape, count, command="true"):
        write(folder, "MLproject", f"name: noop\nentry_points:\n  main: {{command: '{command}'}}\n")
        write(
            folder, "loop.py",
            f"""import os, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
for i in range({count}): mlflow.projects.run(".", env_manager="local", synchronous=True)
""")

    def command(self, folder):
        return [self.program, "loop.py"]


def measure(command, folder, limit):
    """Wall and CPU seconds and the largest resident set in MiB of any process; None when it failed or took too long."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    started = time.monotonic()
    with open(os.path.join(folder, ".messages"), "wb") as messages:
        process = subprocess.Popen(
            [os.path.abspath(command[0]) if "/" in command[0] else command[0], *command[1:]],
            cwd=folder, env=environment, stdout=messages, stderr=messages, start_new_session=True)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - started > limit:
            os.killpg(process.pid, 9)
            os.wait4(process.pid, 0)
            return None
        time.sleep(0.002)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return None
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def first_step(tool, count=1):
    """Milliseconds from the start of the program to the first step; the store, where there is one, exists already."""
    folder = tempfile.mkdtemp(prefix="bench-pipelines-")
    try:
        if isinstance(tool, Swiftflow):
            tool.prepare(folder, "fan", 1)
            if measure(tool.command(folder), folder, 120) is None:
                return None
        # Programs that are told of a target want to see it.
        records = isinstance(tool, (Swiftflow, MLflowLoop))
        tool.prepare(folder, "fan", count, "date +%s.%N > first" + ("" if records else "; touch {0}"))
        started = time.time()
        if measure(tool.command(folder), folder, 120) is None:
            return None
        with open(os.path.join(folder, "first")) as file:
            return (float(file.read()) - started) * 1000
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def case(tool, shape, count, repetitions, limit):
    runs, idle = [], []
    for _ in range(repetitions):
        folder = tempfile.mkdtemp(prefix="bench-pipelines-")
        try:
            tool.prepare(folder, shape, count)
            result = measure(tool.command(folder), folder, limit)
            if result is None:
                with open(os.path.join(folder, ".messages"), errors="replace") as file:
                    print(f"{tool.name} {shape} {count}: failed\n{file.read()[-400:]}", file=sys.stderr)
                return None
            runs.append(result)
            if not isinstance(tool, MLflowLoop):
                again = measure(tool.command(folder), folder, limit)
                if again:
                    idle.append(again)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    median = lambda values: statistics.median(values) if values else None
    return {
        "wall": median([r[0] for r in runs]), "cpu": median([r[1] for r in runs]), "memory": median([r[2] for r in runs]),
        "idle_wall": median([r[0] for r in idle]), "idle_cpu": median([r[1] for r in idle]),
    }


def ratios(result, count, results, shape):
    """What a peer takes for a step, in what swiftflow takes for one; of a size that swiftflow was not run with, against 100 steps."""
    size = count if ("swiftflow", shape, count) in results else 100
    ours = results.get(("swiftflow", shape, size))
    if not ours or ours is result:
        return ""

    def ratio(key):
        if result[key] is None or not ours[key]:
            return "–"
        value = (result[key] / count) / (ours[key] / size)
        return f"{value:.0f}×" if value >= 10 else f"{value:.2f}×"

    return ", ".join(ratio(key) for key in ("wall", "cpu", "idle_cpu"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swiftflow", required=True)
    parser.add_argument("--mlflow", default=".tools/mlflow/bin/mlflow")
    parser.add_argument("--tools", default=".tools/pipelines/bin", help="where doit, snakemake and luigi are")
    parser.add_argument("--only", help="names of programs, separated by commas")
    parser.add_argument("--quick", action="store_true", help="100 and 1,000 steps, once, without the slow ones")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one run")
    options = parser.parse_args()
    options.tools, options.mlflow = os.path.abspath(options.tools), os.path.abspath(options.mlflow)
    kinds = [Swiftflow, Make, Ninja, Doit] + ([] if options.quick else [Snakemake, Luigi, MLflowLoop])
    tools = []
    for kind in kinds:
        tool = kind(options)
        if options.only and tool.name not in options.only.split(","):
            continue
        program = tool.command("/")[0]
        if shutil.which(program):
            tools.append(tool)
        else:
            print(f"{tool.name}: '{program}' is missing, so it is left out", file=sys.stderr)

    results = {}
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} of others and of what ran before\n")
    print("| steps | program | wall, s | wall per step, ms | CPU per step, ms | peak memory, MiB | nothing to do, s (CPU) "
          "| wall, CPU, nothing to do (CPU) against swiftflow |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in ("chain", "fan"):
        for count in (5, 100, 1000, 10000):
            for tool in tools:
                if count not in tool.sizes or (options.quick and count > 1000) or (shape == "fan" and count == 5):
                    continue
                repetitions = 1 if options.quick or count > 1000 else tool.repetitions
                result = case(tool, shape, count, repetitions, options.limit)
                results[tool.name, shape, count] = result
                name = f"{'chain of' if shape == 'chain' else 'fan-out of'} {count:,}"
                if result is None:
                    print(f"| {name} | {tool.name} | failed | | | | | |", flush=True)
                    continue
                idle = "" if result["idle_wall"] is None else f"{result['idle_wall']:.2f} ({result['idle_cpu']:.2f})"
                print(
                    f"| {name} | {tool.name} | {result['wall']:.2f} | {result['wall'] / count * 1000:.2f} "
                    f"| {result['cpu'] / count * 1000:.2f} | {result['memory']:.0f} | {idle} "
                    f"| {ratios(result, count, results, shape)} |", flush=True)

    starts = {tool.name: [first_step(tool) for _ in range(1 if tool.repetitions == 1 else 7)] for tool in tools}
    print("\n| start to first step, ms | median |\n|---|---|")
    for name, values in starts.items():
        known = [value for value in values if value is not None]
        print(f"| {name} | {statistics.median(known):.0f} |" if known else f"| {name} | failed |")

    print("\n| aim of swiftflow | wanted | measured | |\n|---|---|---|---|")

    def aim(name, wanted, value, unit):
        if value is None:
            return print(f"| {name} | ≤ {wanted} {unit} | not measured | |")
        print(f"| {name} | ≤ {wanted} {unit} | {value:.2f} {unit} | {'met' if value <= wanted else 'MISSED'} |")

    def figure(shape, count, key, factor=1.0):
        result = results.get(("swiftflow", shape, count))
        return None if result is None or result[key] is None else result[key] * factor

    aim("CPU per step through bash, fan-out of 1,000", 3, figure("fan", 1000, "cpu"), "ms")
    aim("wall per step, chain of 1,000", 3, figure("chain", 1000, "wall"), "ms")
    aim("wall, fan-out of 1,000", 2.5, figure("fan", 1000, "wall"), "s")
    aim("memory, fan-out of 10,000", 150, figure("fan", 10000, "memory"), "MiB")
    aim("nothing to do, fan-out of 1,000", 0.2, figure("fan", 1000, "idle_cpu"), "s CPU")
    known = [value for value in starts.get("swiftflow", []) if value is not None]
    aim("start to first step", 30, statistics.median(known) if known else None, "ms")


if __name__ == "__main__":
    main()
