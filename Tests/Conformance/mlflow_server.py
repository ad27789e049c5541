"""MLflow's own server, for the checks that look at our runs through it."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def expect(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(each) for each in what))


def free_port():
    """A port nobody listens on, below those that the system hands out by itself: the server takes long to load, and others ask for any."""
    while True:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", random.randrange(12_000, 32_000)))
                return listener.getsockname()[1]
            except OSError:
                pass


@contextlib.contextmanager
def mlflow_server(folder, database, environment, *options):
    """The address of a real `mlflow server` on a SQLite file of the folder, once it answers; it ends with the block."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/{database}", *options,
         "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        # It leaves a lock in the folder for temporary files.
        env={**environment, "PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
             "GIT_PYTHON_REFRESH": "quiet"})
    try:
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 600
        while True:
            expect(server.poll() is None, "mlflow server has ended")
            expect(time.monotonic() < end, "mlflow server does not answer")
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait()
