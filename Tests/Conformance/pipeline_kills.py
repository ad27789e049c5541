"""Kills the runner of a 60-step pipeline at random moments and resumes it, again and again: pipeline_kills.py SWIFTFLOW [KILLS] [SEED].

Each kill hits the runner of a run that is under way, or that of a resume; after it the store is looked at with SQLite alone. What must
hold then and at the end: no attempt is launched twice, at most one attempt of a node succeeds and none follows it, numbers of attempts
never repeat, whatever was started is known to the store, no process of a step outlives its runner, and once a pipeline has ended no run
of it is RUNNING and its results are those of a run that was never killed.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

# One start, 40 cells, 10 links of a chain, 6 flaky steps, a join, a check of the join, and a last one: 60 steps in all.
HEAD = """name: sixty
limits: {parallel: 8, cpu: 16}
steps:
  start:
    command: 'echo "start $SWIFTFLOW_ATTEMPT" >> "$MARKS/started"; echo data > {out}; sleep 0.02'
    params: {out: "${{ outputs.data }}"}
    outputs: {data: data.txt}
  cells:
    matrix: {i: "${{ range(40) }}"}
    command: 'echo "cells[i={i}] $SWIFTFLOW_ATTEMPT" >> "$MARKS/started"; cat {data} > {out}; sleep 0.03; echo {i} >> {out}'
    params: {data: "${{ steps.start.outputs.data }}", out: "${{ outputs.part }}"}
    outputs: {part: part.txt}
    retry: {times: 2, delay: 50ms}
"""
TAIL = """  join:
    command: 'echo "join $SWIFTFLOW_ATTEMPT" >> "$MARKS/started"; cat {parts} > {out}'
    params: {parts: "${{ steps.cells.all.outputs.part }}", out: "${{ outputs.all }}"}
    outputs: {all: all.txt}
  check:
    command: 'echo "check $SWIFTFLOW_ATTEMPT" >> "$MARKS/started"; test $(wc -l < {all}) = 80'
    params: {all: "${{ steps.join.outputs.all }}"}
  last: {command: 'echo "last $SWIFTFLOW_ATTEMPT" >> "$MARKS/started"', needs: [check, link9, flaky5]}
"""


def pipeline():
    text = HEAD
    for i in range(10):
        before = f"link{i - 1}" if i else "start"
        text += f"  link{i}: {{command: 'echo \"link{i} $SWIFTFLOW_ATTEMPT\" >> \"$MARKS/started\"', needs: [{before}]}}\n"
    for i in range(6):
        # The first two attempts fail, however many there are after a kill.
        text += (
            f"  flaky{i}: {{needs: [start], retry: {{times: 5, delay: 40ms}}, command: "
            f"'echo \"flaky{i} $SWIFTFLOW_ATTEMPT\" >> \"$MARKS/started\"; test \"$SWIFTFLOW_ATTEMPT\" -gt 2'}}\n"
        )
    return text + TAIL


def steps():
    return (
        ["start", "join", "check", "last"] + [f"cells[i={i}]" for i in range(40)] + [f"link{i}" for i in range(10)]
        + [f"flaky{i}" for i in range(6)]
    )


class Kills:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "USER": "tester", "MARKS": os.path.join(folder, "marks"),
            "SWIFTFLOW_CACHE": os.path.join(folder, "cache"),
        }
        os.mkdir(self.environment["MARKS"])
        with open(os.path.join(folder, "pipeline.yaml"), "w") as file:
            file.write(pipeline())

    def start(self, *arguments):
        return subprocess.Popen(
            [self.program, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def query(self, sql, *values):
        path = os.path.join(self.folder, "mlflow.db")
        if not os.path.exists(path):
            return []
        connection = sqlite3.connect(path, timeout=60)
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def pipeline_run(self):
        rows = self.query(
            "SELECT r.run_uuid, r.status FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid "
            "WHERE t.key = 'swiftflow.pipeline' ORDER BY r.start_time DESC, r.rowid DESC LIMIT 1")
        return rows[0] if rows else (None, None)

    def attempts(self, run):
        rows = self.query(
            """WITH RECURSIVE below(id) AS (SELECT ? UNION SELECT t.run_uuid FROM tags t JOIN below b
               ON t.key = 'mlflow.parentRunId' AND t.value = b.id)
               SELECT r.run_uuid, r.status, r.start_time, r.artifact_uri,
                 (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = 'swiftflow.node'),
                 (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = 'swiftflow.attempt'),
                 (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = 'swiftflow.group'),
                 (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = 'swiftflow.state')
               FROM runs r JOIN below ON r.run_uuid = below.id WHERE r.run_uuid != ?""", run, run)
        names = ("id", "status", "start", "uri", "node", "attempt", "group", "state")
        return [dict(zip(names, row)) for row in rows]

    def check(self, run, has_ended):
        """What is wrong with the record of a pipeline."""
        wrong = []
        rows = self.attempts(run)
        nodes = {}
        for row in rows:
            if row["group"] is None:
                nodes.setdefault(row["node"], []).append(row)
        for node, attempts in nodes.items():
            numbers = [int(row["attempt"] or -1) for row in attempts]
            if len(set(numbers)) != len(numbers):
                wrong.append(f"{node} has an attempt twice: {numbers}")
            done = [int(row["attempt"]) for row in attempts if row["status"] == "FINISHED"]
            if len(done) > 1:
                wrong.append(f"{node} has succeeded twice: {done}")
            if done and max(numbers) > done[0]:
                wrong.append(f"{node} ran again after its success: {numbers}, success {done[0]}")
            live = [row for row in attempts if row["status"] == "RUNNING"]
            if len(live) > 1:
                wrong.append(f"{node} has {len(live)} live attempts")
            for row in attempts:
                ended = {"FINISHED": "succeeded", "FAILED": "failed", "KILLED": "cancelled"}.get(row["status"])
                if ended and row["state"] != ended:
                    wrong.append(f"{node} is {row['status']} and its state {row['state']}")
        try:
            with open(os.path.join(self.environment["MARKS"], "started")) as file:
                marks = [line.rsplit(" ", 1) for line in file.read().splitlines()]
        except FileNotFoundError:
            marks = []
        if len({tuple(mark) for mark in marks}) != len(marks):
            wrong.append("an attempt was launched twice")
        known = {(row["node"], row["attempt"]) for row in rows}
        for node, attempt in marks:
            if (node, attempt) not in known:
                wrong.append(f"{node} was launched as attempt {attempt}, which the store does not know")
        if has_ended:
            for row in rows:
                if row["status"] in ("RUNNING", "SCHEDULED"):
                    wrong.append(f"{row['node']} is {row['status']} after the end")
            succeeded = {node for node, all in nodes.items() if any(row["status"] == "FINISHED" for row in all)}
            if succeeded != set(steps()):
                wrong.append(f"these have not succeeded: {sorted(set(steps()) - succeeded)}")
            for row in nodes.get("join", []):
                if row["status"] == "FINISHED":
                    with open(os.path.join(row["uri"].removeprefix("file://"), "all.txt")) as file:
                        if file.read() != "".join(f"data\n{i}\n" for i in range(40)):
                            wrong.append("the result of 'join' is another one")
        return wrong


def main(program, wanted, seed):
    generator = random.Random(seed)
    kills = resumes = pipelines = missed = 0
    begin = time.monotonic()
    while kills < wanted:
        folder = tempfile.mkdtemp(prefix="kills")
        test = Kills(program, folder)
        runner = test.start("run", "pipeline.yaml", "--progress", "quiet")
        pipelines += 1
        while True:
            kills_here = kills < wanted
            if kills_here:
                try:
                    runner.wait(timeout=generator.uniform(0, 2.5))
                except subprocess.TimeoutExpired:
                    runner.send_signal(signal.SIGKILL)
                    kills += 1
            _, messages = runner.communicate()
            run, status = test.pipeline_run()
            if run is None:
                # It died before it had recorded anything.
                runner = test.start("run", "pipeline.yaml", "--progress", "quiet")
                continue
            wrong = test.check(run, status == "FINISHED")
            if status != "FINISHED" and runner.returncode not in (-signal.SIGKILL, 0):
                if b"run the pipeline anew" in messages:
                    # It died between the pipeline's run and its plan: nothing was started.
                    missed += 1
                    if test.attempts(run):
                        wrong.append("something was started without a plan")
                    runner = test.start("run", "pipeline.yaml", "--progress", "quiet")
                    continue
                wrong.append(f"exit code {runner.returncode}: {messages.decode()[-2000:]}")
            if wrong:
                print(json.dumps({"seed": seed, "kills": kills, "folder": folder, "wrong": wrong}, indent=2))
                return 1
            if status == "FINISHED":
                break
            runner = test.start("resume", run, "--progress", "quiet")
            resumes += 1
        subprocess.run(["rm", "-rf", folder], check=True)
    seconds = time.monotonic() - begin
    print(
        f"{kills} kills of {pipelines} pipelines of 60 steps, {resumes} resumes, {missed} begun anew, "
        f"{seconds:.0f} s, seed {seed}: every rule held")
    return 0


if __name__ == "__main__":
    given = sys.argv[2:] + [None] * 2
    sys.exit(main(sys.argv[1], int(given[0] or 4), int(given[1] or random.randrange(1 << 30))))
