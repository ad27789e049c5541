#!/usr/bin/env bash
# install.sh BUILD-FOLDER PREFIX: puts the stripped programs in place, with the man page and the shell completions.
set -euo pipefail
built=$1
prefix=$2
install -d "$prefix/bin" "$prefix/libexec/swiftflow" "$prefix/share/man/man1" \
    "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
install -s -m 755 "$built/swiftflow" "$prefix/bin/"
install -s -m 755 "$built/swiftflow-git" "$built/swiftflow-keeper" "$prefix/libexec/swiftflow/"
install -m 644 docs/swiftflow.1 "$prefix/share/man/man1/"
"$prefix/bin/swiftflow" --generate-completion-script bash >"$prefix/share/bash-completion/completions/swiftflow"
"$prefix/bin/swiftflow" --generate-completion-script zsh >"$prefix/share/zsh/site-functions/_swiftflow"
"$prefix/bin/swiftflow" --generate-completion-script fish >"$prefix/share/fish/vendor_completions.d/swiftflow.fish"
echo "installed $("$prefix/bin/swiftflow" --version) in $prefix"
