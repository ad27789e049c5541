#!/usr/bin/env bash
# demo.sh BUILD-FOLDER: trains a real model from a git URL and shows what was recorded. Leaves everything in a folder it names.
set -euo pipefail
cd "$(dirname "$0")/.."
examples=$PWD/Examples
export PATH="$1:$PATH"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/swiftflow-demo-XXXXXX")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# The example becomes a git repository that is served on this machine, tagged v1.
cp -r "$examples/elastic-net" "$work/source"
git -C "$work/source" init -q -b main
git -C "$work/source" add .
git -C "$work/source" -c user.name=demo -c user.email=demo@example.org commit -qm "Elastic net on the diabetes data"
git -C "$work/source" tag v1
git clone -q --bare "$work/source" "$work/served/elastic-net.git"
git daemon --reuseaddr --base-path="$work/served" --export-all --listen=127.0.0.1 --port="$port" >/dev/null 2>&1 &
daemon=$!
trap 'kill $daemon 2>/dev/null' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done

mkdir "$work/store"
cd "$work/store"
show() { printf '\n$ %s\n' "$*"; "$@"; }
show swiftflow run "git://127.0.0.1:$port/elastic-net.git" -v v1 -P alpha=0.5
run=$(swiftflow runs list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["runID"])')
show swiftflow runs show "${run:0:8}"
show swiftflow run "git://127.0.0.1:$port/elastic-net.git" -v v1 -P alpha=0.05
show swiftflow runs list --order-by "metrics.rmse ASC"
show swiftflow artifacts list "${run:0:8}"
printf '\nThe store is %s/store/mlflow.db; look at it with: mlflow ui --backend-store-uri sqlite:///%s/store/mlflow.db\n' "$work" "$work"
