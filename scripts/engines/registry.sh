#!/usr/bin/env bash
# registry.sh start|stop|env FOLDER [PORT]: an image registry on loopback for the tests; what it stores lies below FOLDER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
verb=${1:?"usage: registry.sh start|stop|env FOLDER [PORT]"}
folder=${2:?"usage: registry.sh start|stop|env FOLDER [PORT]"}
port=${3:-5055}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

start() {
    command -v docker-registry >/dev/null || "$here/install.sh" docker-registry
    [ ! -f "$folder/pid" ] || ! kill -0 "$(cat "$folder/pid")" 2>/dev/null || return 0
    cat >"$folder/registry.yml" <<YAML
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $folder/images}, delete: {enabled: true}}
http: {addr: 127.0.0.1:$port}
YAML
    setsid docker-registry serve "$folder/registry.yml" >"$folder/log" 2>&1 </dev/null &
    local process=$!
    echo "$process" >"$folder/pid"
    echo "$port" >"$folder/port"
    local tries=0
    until curl -sf "http://127.0.0.1:$port/v2/" >/dev/null 2>&1; do
        kill -0 "$process" 2>/dev/null && [ $tries -lt 200 ] || {
            tail -20 "$folder/log" >&2
            echo "registry.sh: the registry did not start" >&2
            exit 1
        }
        sleep 0.1
        tries=$((tries + 1))
    done
}

case $verb in
start)
    start >&2
    "$0" env "$folder"
    ;;
env) echo "export SWIFTFLOW_TEST_REGISTRY='127.0.0.1:$(cat "$folder/port" 2>/dev/null || echo "$port")'" ;;
stop)
    [ -f "$folder/pid" ] || exit 0
    kill "$(cat "$folder/pid")" 2>/dev/null || true
    rm -rf "${folder:?}/images" "$folder/pid"
    ;;
*)
    echo "usage: registry.sh start|stop|env FOLDER [PORT]" >&2
    exit 2
    ;;
esac
