#!/usr/bin/env bash
# docker.sh start|stop|env FOLDER: a Docker daemon of its own for the tests, with everything it keeps below FOLDER.
#
# `start` prints the variables that lead clients to it (`eval "$(docker.sh start FOLDER)"`), builds the base images `busybox:test` and
# `python-mini:test` out of this machine's own files (no registry is asked), and leaves a daemon that is already there alone.
# FOLDER must be short: a socket's path has at most 107 bytes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=images.sh
. "$here/images.sh"
verb=${1:?"usage: docker.sh start|stop|env FOLDER"}
folder=${2:?"usage: docker.sh start|stop|env FOLDER"}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export DOCKER_HOST=unix://$folder/docker.sock
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY

start() {
    # Some Debian installations keep dockerd out of an ordinary user's PATH.
    export PATH=$PATH:/usr/sbin:/sbin
    # By command, not by package: a Docker that came from elsewhere must not be replaced by Debian's.
    local missing=()
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 || missing+=(busybox-static)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v jq >/dev/null || missing+=(jq)
    command -v curl >/dev/null || missing+=(curl)
    [ ${#missing[@]} -eq 0 ] || "$here/install.sh" "${missing[@]}"
    if ! curl -sf --unix-socket "$folder/docker.sock" http://docker/_ping >/dev/null 2>&1; then
        launch
    fi
    # A client's own configuration (contexts, logins, plug-ins) has no part in the tests.
    mkdir -p "$folder/client"
    [ -f "$folder/client/config.json" ] || echo '{}' >"$folder/client/config.json"
    export DOCKER_CONFIG=$folder/client
    docker image inspect busybox:test >/dev/null 2>&1 || build_busybox >"$folder/images.log" 2>&1 || show "$folder/images.log"
    docker image inspect python-mini:test >/dev/null 2>&1 || build_python >>"$folder/images.log" 2>&1 ||
        show "$folder/images.log"
}

launch() {
    local options=(-H "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" -p "$folder/dockerd.pid")
    # Without CAP_SYS_RESOURCE nothing may ask for a lower OOM score, as kubelets do for every pod.
    if ! may_lower_oom_score; then
        write_runtime_without_oom_score
        options+=(--add-runtime "noom=$folder/runc-noom" --default-runtime noom)
    fi
    rm -f "$folder/dockerd.pid"
    local attempt
    # A machine whose kernel or rights have no bridge and firewall still runs containers in the host's network.
    for attempt in "" "--storage-driver=vfs --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false --bridge=none"; do
        # shellcheck disable=SC2086
        setsid dockerd "${options[@]}" $attempt >"$folder/dockerd.log" 2>&1 </dev/null &
        local daemon=$!
        local tries=0
        while kill -0 "$daemon" 2>/dev/null && [ $tries -lt 3000 ]; do
            if curl -sf --unix-socket "$folder/docker.sock" http://docker/_ping >/dev/null 2>&1; then return; fi
            sleep 0.1
            tries=$((tries + 1))
        done
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    done
    show "$folder/dockerd.log"
}

show() {
    tail -30 "$1" >&2
    echo "docker.sh: the daemon or its images could not be made; see $1" >&2
    exit 1
}

may_lower_oom_score() {
    (echo -900 >/proc/self/oom_score_adj) 2>/dev/null
}

write_runtime_without_oom_score() {
    local runc
    runc=$(command -v runc)
    cat >"$folder/runc-noom" <<SCRIPT
#!/bin/sh
b=; prev=; isc=
for a in "\$@"; do
    case \$prev in --bundle|-b) b=\$a;; esac
    case \$a in create|run) isc=1;; --bundle=*) b=\${a#--bundle=};; esac
    prev=\$a
done
if [ -n "\$isc" ] && [ -n "\$b" ] && grep -q '"oomScoreAdj":-' "\$b/config.json" 2>/dev/null; then
    jq -c 'if (.process.oomScoreAdj // 0) < 0 then del(.process.oomScoreAdj) else . end' "\$b/config.json" >"\$b/c.tmp" &&
        mv "\$b/c.tmp" "\$b/config.json"
fi
exec $runc "\$@"
SCRIPT
    chmod 755 "$folder/runc-noom"
}

stop() {
    [ -f "$folder/dockerd.pid" ] || exit 0
    local daemon
    daemon=$(cat "$folder/dockerd.pid")
    # Containers first: a daemon that must end them by itself takes ten seconds for each.
    DOCKER_CONFIG=$folder/client docker ps -q 2>/dev/null | xargs -r env DOCKER_CONFIG="$folder/client" docker kill >/dev/null 2>&1 || true
    kill "$daemon" 2>/dev/null || true
    local tries=0
    while kill -0 "$daemon" 2>/dev/null && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -9 "$daemon" 2>/dev/null || true
    # The daemon leaves the host's network mounted there once a container has used it.
    umount "$folder"/exec/netns/* 2>/dev/null || true
    rm -rf "${folder:?}/data" "$folder/exec" "$folder/docker.sock" "$folder/dockerd.pid" "$folder"/image.* "$folder/client"
}

case $verb in
start)
    start >&2
    "$0" env "$folder"
    ;;
env)
    echo "export DOCKER_HOST='$DOCKER_HOST' DOCKER_CONFIG='$folder/client' SWIFTFLOW_TEST_DOCKER='$DOCKER_HOST'"
    ;;
stop) stop ;;
*)
    echo "usage: docker.sh start|stop|env FOLDER" >&2
    exit 2
    ;;
esac
