"""Runs MLflow's own REST tests against our server.

    python mlflow_rest_tests.py --mlflow-source CHECKOUT --swiftflow PROGRAM [pytest arguments …]
    python mlflow_rest_tests.py --mlflow-source CHECKOUT --theirs [pytest arguments …]

MLflow's tests are not part of its package, so CHECKOUT is a folder with the `tests` of a git checkout; the interpreter needs mlflow and pytest.
Nothing of the tests is changed: only the fixture that starts a server starts ours. Without arguments the tracking and model registry tests
of the SQLite store are run. `docs/compatibility.md` lists what differs, and why.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

DEFAULT_TESTS = ["tests/tracking/test_rest_tracking.py", "tests/tracking/test_model_registry.py"]


class OwnServer:
    """The pytest plugin: replaces what starts `mlflow server`."""

    def __init__(self, program):
        self.program = program
        self.store = None

    def pytest_collection_modifyitems(self, items):
        # Test modules have taken these functions by name when they were imported. Older tests start a process with `_init_server`, newer
        # ones name the store with `initialize_backend_stores` and start a thread with `ServerThread`.
        for module in {item.module for item in items}:
            if hasattr(module, "_init_server"):
                module._init_server = self.start
            if hasattr(module, "ServerThread"):
                module.initialize_backend_stores = self.remember_store
                module.ServerThread = lambda app, port: self.start(*self.store)

    def remember_store(self, backend_uri, registry_uri=None, default_artifact_root=None, **others):
        self.store = (backend_uri, default_artifact_root)

    @contextlib.contextmanager
    def start(self, backend_uri, root_artifact_uri, extra_env=None, app=None, server_type=None):
        import mlflow
        from tests.helper_functions import get_safe_port

        mlflow.set_tracking_uri(None)
        port = get_safe_port()
        url = f"http://127.0.0.1:{port}"
        command = [
            self.program, "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", backend_uri, "--default-artifact-root", root_artifact_uri,
        ]
        with tempfile.TemporaryFile() as log:
            server = subprocess.Popen(command, env={**os.environ, **(extra_env or {})}, stdout=log, stderr=log)
            try:
                self.wait_until_ready(server, url, log)
                yield url
            finally:
                server.terminate()
                server.wait(15)

    @staticmethod
    def wait_until_ready(server, url, log):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if server.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"the server ended: {log.read().decode()}")
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server did not answer within 20 seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlflow-source", required=True)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--swiftflow")
    which.add_argument("--theirs", action="store_true")
    known, rest = parser.parse_known_args()
    program = None if known.theirs else os.path.abspath(known.swiftflow)

    import pytest

    os.chdir(known.mlflow_source)
    sys.path.insert(0, os.getcwd())
    plugins = [] if known.theirs else [OwnServer(program)]
    if not any(argument.startswith("tests/") for argument in rest):
        rest = DEFAULT_TESTS + rest
    sys.exit(pytest.main(["-p", "no:cacheprovider", *rest], plugins=plugins))


if __name__ == "__main__":
    main()
