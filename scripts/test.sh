#!/usr/bin/env bash
# test.sh [TARGET …]: runs the built tests, one target after the other, fast ones first; all of them even if one fails.
#
# One process for each target: tests inside a target run side by side already, and those that measure time, memory or descriptors
# must not share a process with hundreds of others.
set -uo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(
    Diagnostics Files JSON Tracking Documents Digests Projects Pipelines PipelineViews Containers Kubernetes Execution SQLiteStore Artifacts
    Server RemoteStore Processes Git Environments Scheduling SwiftFlow EndToEnd
)
source scripts/targets.sh
for target in "${targets[@]}"; do
    echo "== $target"
    run_target "$target"
done
finish_targets
