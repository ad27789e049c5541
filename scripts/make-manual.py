"""Writes docs/swiftflow.1 from the program's own description of its command line: make-manual.py PROGRAM."""

import json
import subprocess
import sys
from pathlib import Path


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def option(argument):
    names = []
    for name in argument.get("names") or []:
        names.append(("-" if name["kind"] == "short" else "--") + name["name"])
    value = argument.get("valueName")
    if argument["kind"] == "positional":
        return f"\\fI{escaped(value)}\\fR"
    text = ", ".join(f"\\fB{escaped(name)}\\fR" for name in names)
    return text if argument["kind"] == "flag" else f"{text} \\fI{escaped(value)}\\fR"


def describe(command, path, lines):
    name = " ".join(path + [command["commandName"]])
    if path:
        lines.append(f".SS {escaped(name)}")
        lines.append(escaped(command.get("abstract", "")))
    if command.get("discussion"):
        lines += [".PP", ".nf", escaped(command["discussion"].rstrip()), ".fi"]
    for argument in command.get("arguments") or []:
        if not argument.get("shouldDisplay", True):
            continue
        names = [name["name"] for name in argument.get("names") or []]
        if path and ("help" in names or "version" in names):
            continue
        lines += [".TP", option(argument), escaped(argument.get("abstract", ""))]
    for subcommand in command.get("subcommands") or []:
        if subcommand["commandName"] != "help":
            describe(subcommand, path + [command["commandName"]], lines)


def main():
    dumped = subprocess.run([sys.argv[1], "--experimental-dump-help"], capture_output=True, check=True, text=True)
    command = json.loads(dumped.stdout)["command"]
    lines = [
        '.TH SWIFTFLOW 1 "" "swiftflow" "User Commands"',
        ".SH NAME",
        "swiftflow \\- runs MLflow projects and records every run",
        ".SH SYNOPSIS",
        "\\fBswiftflow\\fR \\fIverb\\fR [\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        escaped(command["abstract"]),
    ]
    lines.append(".SH VERBS AND OPTIONS")
    describe(command, [], lines)
    lines += [
        ".SH EXIT STATUS",
        "0 success; 1 failure; 2 wrong usage, or errors found by check; 130, 143, 129 after Ctrl\\-C, TERM, HUP.",
        ".SH ENVIRONMENT",
    ]
    for name, meaning in [
        ("MLFLOW_TRACKING_URI", "the store: sqlite:///FILE or the address of a tracking server"),
        ("MLFLOW_EXPERIMENT_NAME, MLFLOW_EXPERIMENT_ID", "the experiment, where no option names one"),
        ("MLFLOW_ENV_ROOT", "where environments are kept"),
        ("SWIFTFLOW_CACHE", "where fetched git projects are kept"),
        ("SWIFTFLOW_ENV_MANAGER", "the environment manager, where no option names one"),
        ("SWIFTFLOW_SQLITE_SYNC", "'normal' trades safety against power loss for speed"),
        ("SWIFTFLOW_KEEPER, SWIFTFLOW_GIT", "the two helper programs, when they are not beside swiftflow"),
        ("NO_COLOR", "no colours"),
    ]:
        lines += [".TP", f"\\fB{escaped(name)}\\fR", escaped(meaning)]
    Path(__file__).parent.parent.joinpath("docs", "swiftflow.1").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
