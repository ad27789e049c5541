"""A tracking server under load: `swiftflow server` beside `mlflow server`, each on SQLite and with its default workers.

Both get the same requests from the same client, one server after the other, into files of the same schema; the large files are filled
once and copied. Every answer must be 200. Rates are answers per second, so a write counts when it has been acknowledged.
"""

import argparse
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from fill import fill
from load import Connection, HungUp, request, run

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


class Server:
    """One of the two servers, running on a file of its own."""

    def __init__(self, name, program, folder, store):
        self.name = name
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.store = os.path.join(self.folder, store)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [program, "server", "--backend-store-uri", f"sqlite:///{self.store}", "--artifacts-destination",
                        os.path.join(self.folder, "artifacts"), "--host", "127.0.0.1", "--port", str(self.port)]

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "SWIFTFLOW_"))}
        environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
        began = time.perf_counter()
        self.process = subprocess.Popen(self.command, cwd=self.folder, env=environment, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        while not self.is_healthy():
            if self.process.poll() is not None:
                with open(self.log.name) as log:
                    raise SystemExit(f"{self.name} ended with {self.process.returncode}:\n{log.read()[-3000:]}")
            if time.perf_counter() - began > 180:
                self.__exit__()
                raise SystemExit(f"{self.name} does not answer")
        self.start = time.perf_counter() - began
        return self

    def is_healthy(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return connection.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:
            time.sleep(0.0005)
            return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()

    def memory(self):
        """MiB of all its processes, shared pages dealt out among those that share them."""
        total = 0
        for process in os.listdir("/proc"):
            try:
                if process.isdigit() and os.getsid(int(process)) == self.process.pid:
                    with open(f"/proc/{process}/smaps_rollup") as file:
                        total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            except (OSError, StopIteration):
                pass
        return total / 1024

    def cpu(self):
        """Seconds of processor time that all its processes have used."""
        ticks = 0
        for process in os.listdir("/proc"):
            try:
                if process.isdigit() and os.getsid(int(process)) == self.process.pid:
                    with open(f"/proc/{process}/stat") as file:
                        fields = file.read().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return ticks / os.sysconf("SC_CLK_TCK")

    def call(self, method, path, body):
        for _ in range(10):
            connection = Connection(self.port)
            try:
                return json.loads(connection.exchange(request(method, path, json.dumps(body), self.port)))
            except HungUp:
                continue
            finally:
                connection.close()
        raise SystemExit(f"{self.name} hangs up again and again")

    def new_run(self):
        body = {"experiment_id": "0", "start_time": 1_700_000_000_000, "user_id": "ada"}
        return self.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]


# What is asked: each function gives one endless iterator of requests, for one client.

def metrics(server):
    run_id = server.new_run()
    for step in itertools.count():
        body = '{"run_id":"%s","key":"loss","value":%r,"timestamp":%d,"step":%d}' % (
            run_id, 1 / (step + 1), 1_700_000_000_000 + step, step)
        yield request("POST", f"{API}/runs/log-metric", body, server.port)


def batches(server):
    """A thousand points: ten metrics, a hundred steps each."""
    run_id = server.new_run()
    points = ",".join(
        '{"key":"metric-%d","value":%.6f,"timestamp":17000@%02d000,"step":@%02d}' % (key, (step * 37 + key) % 91 / 91, step, step)
        for step in range(100) for key in range(10))
    body = ('{"run_id":"%s","metrics":[%s]}' % (run_id, points)).encode()
    for number in itertools.count(100_000):
        yield request("POST", f"{API}/runs/log-batch", body.replace(b"@", b"%d" % number), server.port)


def creations(server):
    for number in itertools.count():
        body = ('{"experiment_id":"0","start_time":%d,"user_id":"ada","tags":[{"key":"mlflow.user","value":"ada"},'
                '{"key":"mlflow.source.name","value":"train.py"},{"key":"mlflow.source.type","value":"LOCAL"}]}'
                % (1_700_000_000_000 + number))
        yield request("POST", f"{API}/runs/create", body, server.port)


def one_run(run_id):
    def requests(server):
        while True:
            yield request("GET", f"{API}/runs/get?run_id={run_id}", port=server.port)
    return requests


def searches(experiment):
    """A filter on a metric and a parameter, ordered by another metric, a page of a hundred; no two alike in a row."""
    def requests(server):
        for number in itertools.count():
            body = ('{"experiment_ids":["%s"],"filter":"metrics.accuracy > 0.%d and params.optimizer = \'adam\'",'
                    '"order_by":["metrics.loss ASC"],"max_results":100}' % (experiment, 500 + number % 400))
            yield request("POST", f"{API}/runs/search", body, server.port)
    return requests


def searches_and_metrics(experiment):
    """A search and a write in turn: no search finds the store as the one before left it."""
    def requests(server):
        for search, metric in zip(searches(experiment)(server), metrics(server)):
            yield search
            yield metric
    return requests


def histories(run_id):
    def requests(server):
        while True:
            yield request("GET", f"{API}/metrics/get-history?run_id={run_id}&metric_key=history", port=server.port)
    return requests


class Artifacts:
    """One large file up and down, beside plain copies of it on the same disk."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, size
        self.path = os.path.join(folder, "large.bin")
        with open(self.path, "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))

    def copy(self, is_durable):
        target = os.path.join(self.folder, "copy.bin")
        began = time.perf_counter()
        with open(self.path, "rb") as source, open(target, "wb") as copy:
            while piece := source.read(1 << 20):
                copy.write(piece)
            copy.flush()
            if is_durable:
                os.fsync(copy.fileno())
        elapsed = time.perf_counter() - began
        os.remove(target)
        return (self.size >> 20) / elapsed

    def upload(self, server, number):
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        connection.putrequest("PUT", f"{ARTIFACTS}/bench/large-{number}.bin")
        connection.putheader("Content-Length", str(self.size))
        connection.endheaders()
        with open(self.path, "rb") as file:
            connection.sock.sendfile(file)
        status = connection.getresponse().status
        elapsed = time.perf_counter() - began
        connection.close()
        if status != 200:
            raise SystemExit(f"{server.name} refuses an upload with {status}")
        return (self.size >> 20) / elapsed

    def download(self, server, number):
        buffer = bytearray(1 << 20)
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
            connection.sendall(f"GET {ARTIFACTS}/bench/large-{number}.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               "Connection: close\r\n\r\n".encode())
            total = 0
            while count := connection.recv_into(buffer):
                total += count
        elapsed = time.perf_counter() - began
        if total < self.size:
            raise SystemExit(f"{server.name} sent {total} bytes of {self.size}")
        return (self.size >> 20) / elapsed


class Table:
    """The figures, ours beside theirs, each with what is aimed at."""

    def __init__(self):
        self.rows = {}
        self.notes = []

    def add(self, what, unit, server, value, aim=None, client=None, cpu=None):
        row = self.rows.setdefault(what, {"what": what, "unit": unit, "aim": aim})
        row[server] = value
        if cpu is not None:
            row[f"{server} cpu"] = cpu
        if client is not None and server == "swiftflow":
            row["client"] = client
        print(f"  {server}: {what} {shown(value)} {unit}", file=sys.stderr, flush=True)

    def judge(self):
        for row in self.rows.values():
            ours, theirs, aim = row.get("swiftflow"), row.get("mlflow"), row["aim"]
            smaller_is_better = row["unit"] in ("ms", "MiB")
            row["ratio"] = None
            if ours and theirs:
                row["ratio"] = theirs / ours if smaller_is_better else ours / theirs
            if aim is None or ours is None:
                row["met"] = None
            elif aim[0] == "ratio":
                row["met"] = None if row["ratio"] is None else row["ratio"] >= aim[1]
            else:
                row["met"] = ours <= aim[1] if smaller_is_better else ours >= aim[1]
        return list(self.rows.values())

    def print(self):
        print("| | unit | swiftflow | mlflow | ratio | aim | | CPU per answer, ms | mlflow's | ratio |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for row in self.judge():
            aim = ""
            if row["aim"]:
                kind, value = row["aim"]
                aim = f"{value}×" if kind == "ratio" else f"{'≤' if row['unit'] in ('ms', 'MiB') else '≥'} {shown(value)}"
            ratio = "" if row["ratio"] is None else f"{shown(row['ratio'])}×"
            met = {None: "", True: "met", False: "missed"}[row["met"]]
            costs = row.get("swiftflow cpu"), row.get("mlflow cpu")
            cost_ratio = f"{shown(costs[1] / costs[0])}×" if costs[0] and costs[1] else ""
            cells = (row["what"], row["unit"], shown(row.get("swiftflow")), shown(row.get("mlflow")), ratio, aim, met,
                     shown(costs[0]), shown(costs[1]), cost_ratio)
            print(f"| {' | '.join(cells)} |")


def shown(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swiftflow", default="swiftflow")
    parser.add_argument("--mlflow", default="mlflow", help="'none': ours alone")
    parser.add_argument("--quick", action="store_true", help="a second for each figure, and no store of 100,000 runs")
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    parser.add_argument("--only", default="", help="parts to measure, separated by commas: start, writes, reads, large, artifacts")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--folder", help="where the stores are kept; a temporary folder on the same disk as this one if not given")
    arguments = parser.parse_args()
    seconds = 1 if arguments.quick else arguments.seconds
    parts = arguments.only.split(",") if arguments.only else ["start", "writes", "reads", "large", "artifacts"]
    if arguments.quick and "large" in parts:
        parts.remove("large")
    # Absolute paths stay valid in the folders in which the servers are started.
    programs = {"swiftflow": shutil.which(arguments.swiftflow), "mlflow": shutil.which(arguments.mlflow)}
    programs = {name: os.path.abspath(path) for name, path in programs.items() if path}
    if "swiftflow" not in programs:
        raise SystemExit(f"there is no program '{arguments.swiftflow}'")
    with tempfile.TemporaryDirectory(dir=arguments.folder or os.getcwd()) as folder:
        table = measure(programs, folder, parts, seconds)
    table.print()
    for note in table.notes:
        print(f"\n{note}")
    costly = [row["what"] for row in table.rows.values() if row.get("client", 0) > 0.8]
    if costly:
        print(f"\nThe client may be what was measured: {', '.join(costly)}.")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(table.judge(), file, indent=1)


def measure(programs, folder, parts, seconds):
    table = Table()

    def rates(server, what, source, aim, clients=(8, 1), at_least=3):
        for count in clients:
            sources = [source(server) for _ in range(count)]
            # Preparations of a source, such as its run, come with its first request.
            run(server.port, sources, 0, at_most=count)
            cpu = server.cpu()
            result = run(server.port, sources, seconds, at_least=max(at_least, count))
            cpu = (server.cpu() - cpu) / result["answers"] * 1000
            many = "clients" if count > 1 else "client"
            table.add(f"{what}, {count} {many}", "/s", server.name, result["rate"], aim if count > 1 else None,
                      result["client"], cpu)
            if result["lost"]:
                table.notes.append(f"{server.name} hung up on {result['lost']} requests of '{what}' with {count} {many}.")

    if "start" in parts:
        for name, program in programs.items():
            starts = []
            for _ in range(10 if name == "swiftflow" else 2):
                with Server(name, program, folder, "start.db") as server:
                    starts.append(server.start)
                    if len(starts) == 1:
                        time.sleep(2)
                        table.add("memory at rest", "MiB", name, server.memory(), ("value", 40))
            table.add("start to first answer", "ms", name, statistics.median(starts) * 1000, ("value", 50))
    if "writes" in parts:
        for name, program in programs.items():
            with Server(name, program, folder, "writes.db") as server:
                rates(server, "log-metric", metrics, ("ratio", 50))
                rates(server, "log-batch of 1,000", batches, ("ratio", 50))
                rates(server, "create run", creations, ("ratio", 50))
                table.add("memory after writes", "MiB", name, server.memory())
    for part, runs in (("reads", 10_000), ("large", 100_000)):
        if part not in parts:
            continue
        filled = os.path.join(folder, f"{runs}.db")
        with Server("swiftflow", programs["swiftflow"], folder, f"{runs}.db") as server:
            # Creates the file with its schema.
            empty = server.store
        shutil.move(empty, filled)
        experiment, run_id = fill(filled, runs, 100_000 if part == "reads" else 0)
        for name, program in programs.items():
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            shutil.copy(filled, os.path.join(folder, name, f"{runs}.db"))
            with Server(name, program, folder, f"{runs}.db") as server:
                if part == "reads":
                    rates(server, "get run", one_run(run_id), None)
                rates(server, f"search over {runs:,} runs", searches(experiment), ("ratio", 50))
                if part == "reads":
                    rates(server, f"search over {runs:,} runs and log-metric, in turn", searches_and_metrics(experiment), None)
                    rates(server, "history of 100,000 points", histories(run_id), ("ratio", 50))
                    table.add("memory after reads", "MiB", name, server.memory())
            os.remove(os.path.join(folder, name, f"{runs}.db"))
    if "artifacts" in parts:
        artifacts = Artifacts(folder, (64 if seconds <= 1 else 256) << 20)
        durable = statistics.median(artifacts.copy(is_durable=True) for _ in range(3))
        cached = statistics.median(artifacts.copy(is_durable=False) for _ in range(3))
        for name, program in programs.items():
            with Server(name, program, folder, "artifacts.db") as server:
                ups, downs = [], []
                for number in range(3):
                    ups.append(artifacts.upload(server, number))
                    downs.append(artifacts.download(server, number))
                table.add("artifact up (aim: a durable copy on the same disk)", "MiB/s", name, statistics.median(ups), ("value", durable))
                table.add("artifact down (aim: a plain copy on the same disk)", "MiB/s", name, statistics.median(downs), ("value", cached))
                table.add("memory after artifacts", "MiB", name, server.memory())
    return table


if __name__ == "__main__":
    main()
