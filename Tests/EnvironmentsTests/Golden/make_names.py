"""Writes names.yaml: what MLflow itself calls the environments of the cases below. Run with MLflow 3.17.2 installed."""

import json
import os
import pathlib
import re
import tempfile

import mlflow
from mlflow.utils.conda import _get_conda_env_name
from mlflow.utils.environment import _PythonEnv
from mlflow.utils.virtualenv import _get_virtualenv_name

assert mlflow.__version__ == "3.17.2", mlflow.__version__


def case(python, build=(), dependencies=(), files=None):
    return {
        "python": python,
        "build_dependencies": list(build),
        "dependencies": list(dependencies),
        "files": files or {},
    }


PYTHON = [
    case("3.11.7"),
    case("3.11"),
    case("3.10", ["pip==23.2.1", "setuptools"], ["numpy==2.1.0", "mlflow-skinny"]),
    case("3.11", [], ["b", "a", "B", "a[x]>=1; python_version < '3.9'", "é", "ſ", "\U0001f600", "\uffff"]),
    case("3.11", [], ["it's", 'say "x"', "it's \"both\"", "back\\slash", "tab\tin", "nb\u00a0sp", "zero\u200bwidth"]),
    case("3.11", [], ["  padded  ", "six # comment", "six#no comment", "# whole line", "", "   "]),
    case("3.11", [], ["one\\", "two\\", "three", "last\\"]),
    case("3.11", [], ["two\nlines", "carriage\rreturn"]),
    case("3.11", [], ["--index-url https://example.org/simple", "-e .", "six"]),
    case("3.11", [], ["-r requirements.txt"], {"requirements.txt": "six==1.17.0\n# note\n\nattrs \\\n  >=23\n"}),
    case("3.11", [], ["-r requirements.txt"], {"requirements.txt": "a\r\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i"}),
    case(
        "3.11",
        ["-r build.txt"],
        ["-r a/first.txt", "-c limits.txt", "--requirement a/b/third.txt", "--constraint   a/b/four.txt"],
        {
            "build.txt": "wheel\n",
            "limits.txt": "six<2\n-r a/first.txt\n",
            "a/first.txt": "x\n-r second.txt\n-c ../limits2.txt\n-r ./b/../b/third.txt\n",
            "a/second.txt": "y\n",
            "a/b/third.txt": "z\n",
            "a/b/four.txt": "w==1\n",
            "limits2.txt": "v<3\n",
        },
    ),
    case("3.11", [], ["same", "-c c.txt"], {"c.txt": "same\nother\n"}),
    case("3.11", [], ["-rnot-followed.txt", "-r=neither.txt", "--requirement=nor-this.txt"]),
    case("3.11", [], ["-r a b.txt"], {"a b.txt": "spaced\n"}),
    case("3.11", [], ["-r empty.txt"], {"empty.txt": ""}),
]

CONDA = ["", "name: x\n", "name: é\r\ndependencies:\r\n- python=3.11\r\n", "a\rb\n\rc"]


def name_of(entry):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in entry["files"].items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
        environment = _PythonEnv(entry["python"], entry["build_dependencies"], entry["dependencies"])
        return _get_virtualenv_name(environment, folder)


def conda_name_of(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "conda.yaml")
        pathlib.Path(path).write_bytes(text.encode())
        return _get_conda_env_name(path)


result = {
    "python": [{**entry, "name": name_of(entry)} for entry in PYTHON],
    "conda": [{"text": text, "name": conda_name_of(text)} for text in CONDA],
}
target = pathlib.Path(__file__).with_name("names.yaml")
# YAML is JSON with an escape of its own beyond the first plane.
text = re.sub(
    r"\\u(d[89ab]..)\\u(d[c-f]..)",
    lambda pair: "\\U%08x" % (0x10000 + (int(pair[1], 16) - 0xD800 << 10) + int(pair[2], 16) - 0xDC00),
    json.dumps(result, indent=1),
)
target.write_text(text + "\n")
