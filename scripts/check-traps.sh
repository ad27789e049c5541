#!/usr/bin/env bash
# Lists what could trap on input from outside: forced unwraps, casts and tries, fatalError and preconditions in our sources.
# An exception needs a reason: a comment `// cannot trap: …` on the line itself or the line above.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(grep -rnE --include='*.swift' '\btry!|\bas!|fatalError\(|preconditionFailure\(|[A-Za-z0-9_\)\]]!(\.|\)|,|$| )' Sources Backends |
    grep -vE '^[^:]+:[0-9]+: *//|!=|"[^"]*![^"]*"' || true)
status=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    file=${line%%:*}
    rest=${line#*:}
    number=${rest%%:*}
    if ! sed -n "$((number > 1 ? number - 1 : 1)),${number}p" "$file" | grep -q 'cannot trap:'; then
        echo "$line"
        status=1
    fi
done <<<"$found"
[ $status -eq 0 ] || echo "the lines above can trap; handle the case, or say why it cannot happen: // cannot trap: …" >&2
exit $status
