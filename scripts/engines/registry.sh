#!/usr/bin/env bash
# registry.sh start|stop|env FOLDER [PORT [USER]]: an image registry on loopback for the tests; what it stores lies below FOLDER.
#
# With USER it is a private one, which gives and takes images only after a login: of that user, with a password made up for it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: registry.sh start|stop|env FOLDER [PORT [USER]]"
verb=${1:?"$usage"}
folder=${2:?"$usage"}
port=${3:-5055}
user=${4:-}
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
    if [ -n "$user" ]; then
        command -v htpasswd >/dev/null || "$here/install.sh" apache2-utils
        (umask 077 && printf '%s:%s' "$user" "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')" >"$folder/login")
        # The registry reads bcrypt alone.
        sed 's/^[^:]*://' "$folder/login" | htpasswd -inB "$user" >"$folder/htpasswd" 2>/dev/null
        echo "auth: {htpasswd: {realm: tests, path: $folder/htpasswd}}" >>"$folder/registry.yml"
    fi
    setsid docker-registry serve "$folder/registry.yml" >"$folder/log" 2>&1 </dev/null &
    local process=$!
    echo "$process" >"$folder/pid"
    echo "$port" >"$folder/port"
    local tries=0
    # A private one answers 401.
    until [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/") =~ ^(200|401)$ ]]; do
        kill -0 "$process" 2>/dev/null && [ $tries -lt 3000 ] || {
            tail -20 "$folder/log" >&2
            echo "registry.sh: the registry did not start" >&2
            exit 1
        }
        sleep 0.1
        tries=$((tries + 1))
    done
}

variables() {
    local address
    address=127.0.0.1:$(cat "$folder/port" 2>/dev/null || echo "$port")
    if [ -f "$folder/login" ]; then
        echo "export SWIFTFLOW_TEST_PRIVATE_REGISTRY='$address' SWIFTFLOW_TEST_PRIVATE_LOGIN='$(cat "$folder/login")'"
    else
        echo "export SWIFTFLOW_TEST_REGISTRY='$address'"
    fi
}

case $verb in
start)
    start >&2
    variables
    ;;
env) variables ;;
stop)
    [ -f "$folder/pid" ] || exit 0
    kill "$(cat "$folder/pid")" 2>/dev/null || true
    rm -rf "${folder:?}/images" "$folder/pid" "$folder/login" "$folder/htpasswd"
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
