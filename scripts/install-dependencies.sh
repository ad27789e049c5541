#!/usr/bin/env bash
# Installs the system packages that building and testing need, where they are missing.
set -euo pipefail

packages=(git libgit2-dev libsqlite3-dev zlib1g-dev pkg-config python3 python3-venv nginx-light fcgiwrap openssh-server)

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
fi
if ! command -v swift >/dev/null; then
    echo "swift is not on PATH; install the Swift 6.2 (or newer) toolchain from https://swift.org/install" >&2
    exit 1
fi
[ ${#missing[@]} -gt 0 ] || command -v dpkg-query >/dev/null || {
    echo "this is no Debian system; please install what these Debian packages hold: ${packages[*]}" >&2
    pkg-config --exists libgit2 sqlite3 zlib || exit 1
}
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing ${missing[*]}" >&2
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
"${run[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
