# Sourced by test.sh and test-engines.sh: runs test targets, and tells at the end which tests failed and how.
failed=()
logs=$(mktemp -d)

# run_target NAME [TARGET [VARIABLE=VALUE …]]: one process for each target, see test.sh; the name is for messages.
run_target() {
    env "${@:3}" swift test --skip-build --disable-xctest --filter "^${2:-$1}Tests\." 2>&1 | tee "$logs/$1" || failed+=("$1")
}

# Exits with 1 when a target has failed. Hundreds of tests that passed stand between a failure and the end of the output, so that it is
# told once more.
finish_targets() {
    local target
    for target in "${failed[@]}"; do
        echo "== failures of $target"
        [ -f "$logs/$target" ] || continue
        grep -aE -A 6 'recorded an issue|Fatal error|error:' "$logs/$target" | grep -avE '^(✔|◇)' | tail -n 60
        tail -n 3 "$logs/$target"
    done >&2
    rm -rf "$logs"
    [ ${#failed[@]} -eq 0 ] || {
        echo "failed: ${failed[*]}" >&2
        exit 1
    }
}
