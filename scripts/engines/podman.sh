#!/usr/bin/env bash
# podman.sh start|stop|env FOLDER: a Podman of its own for the tests, as root, with everything it keeps below FOLDER.
#
# Podman has no daemon: `start` writes its configuration, builds the base images `busybox:test` and `python-mini:test` out of this machine's own
# files, and prints the variables that lead clients to them (`eval "$(podman.sh start FOLDER)"`).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=images.sh
. "$here/images.sh"
verb=${1:?"usage: podman.sh start|stop|env FOLDER"}
folder=${2:?"usage: podman.sh start|stop|env FOLDER"}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export CONTAINERS_CONF=$folder/containers.conf CONTAINERS_STORAGE_CONF=$folder/storage.conf
export CONTAINERS_REGISTRIES_CONF=$folder/registries.conf
# RUN steps need no more rights than a changed root.
export BUILDAH_ISOLATION=chroot
unset CONTAINER_HOST

# What images.sh calls `docker`.
docker() { podman "$@"; }

start() {
    export PATH=$PATH:/usr/sbin:/sbin
    local missing=()
    command -v podman >/dev/null || missing+=(podman)
    command -v runc >/dev/null || missing+=(runc)
    command -v catatonit >/dev/null || missing+=(catatonit)
    command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 || missing+=(busybox-static)
    [ ${#missing[@]} -eq 0 ] || "$here/install.sh" "${missing[@]}"
    # Limits that need no right to raise them, a runtime that takes any mixture of cgroup versions, and nothing of systemd's.
    cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
cgroups = "enabled"
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$folder/tmp"
CONF
    cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
CONF
    cat >"$CONTAINERS_REGISTRIES_CONF" <<CONF
unqualified-search-registries = []
[[registry]]
location = "127.0.0.1"
insecure = true
CONF
    podman image exists busybox:test || build_busybox >"$folder/images.log" 2>&1 || show
    podman image exists python-mini:test || build_python >>"$folder/images.log" 2>&1 || show
}

show() {
    tail -30 "$folder/images.log" >&2
    echo "podman.sh: its images could not be made; see $folder/images.log" >&2
    exit 1
}

stop() {
    [ -f "$CONTAINERS_CONF" ] || exit 0
    podman rm --all --force --time 0 >/dev/null 2>&1 || true
    # Its storage is mounted upon itself.
    umount -l "$folder/storage/overlay" 2>/dev/null || true
    rm -rf "${folder:?}/storage" "$folder/run" "$folder/tmp" "$folder"/image.* "$folder"/*.conf
}

case $verb in
start)
    start >&2
    "$0" env "$folder"
    ;;
env)
    echo "export CONTAINERS_CONF='$CONTAINERS_CONF' CONTAINERS_STORAGE_CONF='$CONTAINERS_STORAGE_CONF'" \
        "CONTAINERS_REGISTRIES_CONF='$CONTAINERS_REGISTRIES_CONF' BUILDAH_ISOLATION=chroot"
    ;;
stop) stop ;;
*)
    echo "usage: podman.sh start|stop|env FOLDER" >&2
    exit 2
    ;;
esac
