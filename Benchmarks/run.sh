#!/usr/bin/env bash
# Runs every benchmark, ours beside the peer in one sitting. Needs `make release` and the peers that `make bench` installs.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(swift build -c release --static-swift-stdlib --scratch-path .build-release --show-bin-path)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -s "$built/swiftflow" "$built/swiftflow-git" "$built/swiftflow-keeper" "$stage/"
for folder in Benchmarks/*/; do
    benchmark="$folder$(basename "$folder").py"
    [[ -f $benchmark ]] || continue
    python3 "$benchmark" --swiftflow "$stage/swiftflow" --mlflow .tools/mlflow/bin/mlflow
done
