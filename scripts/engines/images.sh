# images.sh, sourced by the engines' scripts: images of this machine's own files, as no registry can be asked.
#
# Each function builds with the daemon of DOCKER_HOST, and beneath `$folder` for as long as that takes.
# shellcheck shell=bash

build_busybox() {
    local context
    context=$(mktemp -d "$folder/image.XXXXXX")
    cp "$(command -v busybox)" "$context/busybox"
    cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox","--install","-s","/bin"]
RUN mkdir -p /tmp /etc && chmod 1777 /tmp && echo "root:x:0:0:root:/:/bin/sh" >/etc/passwd
ENV HELLO=world
DOCKERFILE
    DOCKER_BUILDKIT=0 docker build -q -t busybox:test "$context"
    rm -rf "$context"
}

# The interpreter of this machine with its standard library and the shared libraries both need, on top of busybox; bash too.
build_python() {
    local context python library
    context=$(mktemp -d "$folder/image.XXXXXX")
    # The system's own one: an interpreter of somebody's virtual environment is not complete.
    python=$(PATH=/usr/bin:/bin; readlink -f "$(command -v python3)")
    library=$("$python" -I -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    {
        echo "$python"
        command -v bash
        find "$library" -type f -not -path '*/test/*' -not -name '*.pyc'
        find "$library" -type l
        for file in "$python" "$(command -v bash)" $(find "$library/lib-dynload" -name '*.so'); do
            ldd "$file" | grep -o '/[^ ]*'
        done
    } | sort -u | tar -c --no-recursion -h -T - --transform 's,^,,' -P -f "$context/python.tar"
    cat >"$context/Dockerfile" <<DOCKERFILE
FROM busybox:test
ADD python.tar /
RUN ln -sf $python /bin/python3 && ln -sf $python /bin/python
DOCKERFILE
    DOCKER_BUILDKIT=0 docker build -q -t python-mini:test "$context"
    rm -rf "$context"
}

# git and a shell, for what fetches a project's commit.
build_git() {
    local context core name
    context=$(mktemp -d "$folder/image.XXXXXX")
    core=$(git --exec-path)
    {
        command -v git
        for name in git git-remote-http git-remote-https git-submodule git-sh-setup git-sh-i18n; do
            if [ -e "$core/$name" ]; then echo "$core/$name"; fi
        done
        for name in "$(command -v git)" "$core/git-remote-http"; do ldd "$name" | grep -o '/[^ ]*'; done
    } | sort -u | tar -c --no-recursion -h -T - --transform 's,^,,' -P -f "$context/git.tar"
    printf 'FROM busybox:test\nADD git.tar /\n' >"$context/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q -t git-mini:test "$context"
    rm -rf "$context"
}
