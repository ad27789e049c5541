#!/usr/bin/env bash
# podman.sh start|stop|env FOLDER [USER]: a Podman of its own for the tests, with everything it keeps below FOLDER.
#
# With USER it is a rootless one, which is to be used as that user; who is not there is made by root, with ids of its own for containers, and
# removed by `stop`.
#
# Podman has no daemon: `start` writes its configuration, builds the base images `busybox:test` and `python-mini:test` out of this machine's own
# files, and prints the variables that lead clients to them (`eval "$(podman.sh start FOLDER)"`).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=images.sh
. "$here/images.sh"
usage="usage: podman.sh start|stop|env FOLDER [USER]"
verb=${1:?"$usage"}
folder=${2:?"$usage"}
user=${3:-}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export CONTAINERS_CONF=$folder/containers.conf CONTAINERS_STORAGE_CONF=$folder/storage.conf
export CONTAINERS_REGISTRIES_CONF=$folder/registries.conf
# RUN steps need no more rights than a changed root.
export BUILDAH_ISOLATION=chroot
unset CONTAINER_HOST
# Where a rootless one keeps what is for as long as the user is logged in.
if [ -n "$user" ]; then export XDG_RUNTIME_DIR=$folder/user HOME=$folder/home; fi

as_user() {
    runuser -u "$user" -- env PATH="$PATH:/usr/sbin:/sbin" "$@"
}

# What images.sh calls `docker`.
docker() { podman "$@"; }

install_packages() {
    local missing=()
    [ -z "$user" ] || command -v newuidmap >/dev/null || missing+=(uidmap)
    command -v podman >/dev/null || missing+=(podman)
    command -v runc >/dev/null || missing+=(runc)
    command -v catatonit >/dev/null || missing+=(catatonit)
    command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 || missing+=(busybox-static)
    [ ${#missing[@]} -eq 0 ] || "$here/install.sh" "${missing[@]}"
}

# The part of `start` that only root can do.
prepare_user() {
    if ! id "$user" >/dev/null 2>&1; then
        useradd --no-create-home --home-dir "$HOME" --shell /bin/bash "$user"
        touch "$folder/made-user"
    fi
    # Old versions of useradd give ids of one kind and not of the other.
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 300000-365535 "$user"
    grep -q "^$user:" /etc/subgid || usermod --add-subgids 300000-365535 "$user"
    mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
    chown "$user" "$folder" "$HOME" "$XDG_RUNTIME_DIR"
    chmod 700 "$XDG_RUNTIME_DIR"
}

start() {
    export PATH=$PATH:/usr/sbin:/sbin
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
rootless_storage_path = "$folder/storage"
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
    if [ -n "$user" ]; then
        as_user podman rm --all --force --time 0 >/dev/null 2>&1 || true
        # The process that holds the user's namespace open, and with it the user.
        local pause tries=0
        for pause in "$folder/tmp/pause.pid" "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid"; do
            if [ -f "$pause" ]; then kill "$(cat "$pause")" 2>/dev/null || true; fi
        done
        if [ -f "$folder/made-user" ]; then
            until userdel "$user" 2>/dev/null || [ $tries -ge 100 ]; do
                sleep 0.1
                tries=$((tries + 1))
            done
        fi
        umount -l "$folder/storage/overlay" 2>/dev/null || true
        rm -rf "${folder:?}"
        return
    fi
    podman rm --all --force --time 0 >/dev/null 2>&1 || true
    # Its storage is mounted upon itself.
    umount -l "$folder/storage/overlay" 2>/dev/null || true
    rm -rf "${folder:?}/storage" "$folder/run" "$folder/tmp" "$folder"/image.* "$folder"/*.conf
}

case $verb in
start)
    # As the user, root's part is done.
    if [ "$(id -un)" != "$user" ]; then install_packages >&2; fi
    if [ -n "$user" ] && [ "$(id -un)" != "$user" ]; then
        prepare_user >&2
        cd /
        as_user "$here/podman.sh" start "$folder" "$user"
        exit
    fi
    start >&2
    "$0" env "$folder" $user
    ;;
env)
    echo "export CONTAINERS_CONF='$CONTAINERS_CONF' CONTAINERS_STORAGE_CONF='$CONTAINERS_STORAGE_CONF'" \
        "CONTAINERS_REGISTRIES_CONF='$CONTAINERS_REGISTRIES_CONF' BUILDAH_ISOLATION=chroot"
    if [ -n "$user" ]; then echo "export XDG_RUNTIME_DIR='$XDG_RUNTIME_DIR' HOME='$HOME'"; fi
    ;;
stop) stop ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
