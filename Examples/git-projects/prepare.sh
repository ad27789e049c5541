#!/usr/bin/env bash
# Makes the two repositories the pipeline names, as a git host would keep them. Run it once.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p repositories
for project in etl:v1.0 trainer:v2.1; do
    name=${project%:*} version=${project#*:} work=$(mktemp -d)
    rm -rf "repositories/$name.git"
    cp "$name"/* "$work"
    git -C "$work" init --quiet --initial-branch main
    git -C "$work" -c core.autocrlf=false add .
    git -C "$work" -c user.name=example -c user.email=example@example.org commit --quiet --message "$name $version"
    git -C "$work" tag "$version"
    git clone --quiet --bare "$work" "repositories/$name.git"
    rm -rf "$work"
done
