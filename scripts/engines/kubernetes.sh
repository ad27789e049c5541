#!/usr/bin/env bash
# kubernetes.sh start|stop|api-down|api-up FOLDER: a real one-node Kubernetes 1.20 for tests, on loopback, with everything it writes in FOLDER.
#
#   start     etcd, API server, controller manager, scheduler, and a kubelet on a dockerd of its own; idempotent. FOLDER/env then holds
#             KUBECONFIG, DOCKER_HOST and SWIFTFLOW_TEST_NODE_ADDRESS (how pods call this machine).
#   stop      ends all of it and leaves nothing: no process, no mount, no container, no network.
#   api-down  takes the API server away (pods run on), api-up brings it back.
#
# Contexts of the kubeconfig: `admin` (namespace default), `runner` (namespace team, with the rights docs/kubernetes.md asks for),
# `nobody` (no rights at all), `stranger` (a token nobody knows).
#
# The servers come from an archive (SWIFTFLOW_KUBERNETES_ARCHIVE, or ../shared/engines beside the checkout), else they are built from
# Debian's source package, which takes about ten minutes; either way they are kept in .tools/kubernetes. Needs root.
set -euo pipefail

command=${1:-}
folder=${2:-}
[ -n "$command" ] && [ -n "$folder" ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
checkout=$(cd "$(dirname "$0")/../.." && pwd)
version=1.20.2
# shellcheck source=images.sh
. "$checkout/scripts/engines/images.sh"
tools=${SWIFTFLOW_KUBERNETES_TOOLS:-$checkout/.tools/kubernetes}
say() { echo "kubernetes.sh: $*" >&2; }

# --- programs ---------------------------------------------------------------------------------------------------------------

install_packages() {
    local missing=() pair
    for pair in dockerd:docker.io etcd:etcd-server jq:jq zstd:zstd ip:iproute2 iptables:iptables busybox:busybox-static openssl:openssl \
        curl:curl kubectl:kubernetes-client python3:python3 git:git; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

have_servers() {
    local program
    for program in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
        [ -x "$tools/$program" ] || return 1
    done
}

provide_servers() {
    have_servers && return
    mkdir -p "$tools"
    local archive=${SWIFTFLOW_KUBERNETES_ARCHIVE:-$checkout/../shared/engines/kubernetes-$version-linux-amd64.tar.zst}
    if [ -f "$archive" ]; then
        say "unpacking $(basename "$archive")"
        tar --zstd -xf "$archive" -C "$tools"
    else
        build_servers
    fi
    have_servers || { say "the servers are not all there"; exit 1; }
}

build_servers() {
    say "building Kubernetes $version from Debian's source package; this takes about ten minutes"
    local work
    work=$(mktemp -d)
    (
        cd "$work"
        mkdir -p lists
        sed 's/^Types: .*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >sources.sources
        apt-get update -qq -o Dir::Etc::sourcelist="$work/sources.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-1.19-go dpkg-dev rsync make >/dev/null
        apt-get source -qq --download-only -o APT::Sandbox::User=root \
            -o Dir::Etc::sourcelist="$work/sources.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" kubernetes
        dpkg-source --no-check -x kubernetes_*.dsc source >/dev/null
        cd source
        export PATH=/usr/lib/go-1.19/bin:$PATH GO111MODULE=off GOPROXY=off CGO_ENABLED=0 GOPATH=$PWD/.go
        mkdir -p .go/src/k8s.io && ln -sfn ../../.. .go/src/k8s.io/kubernetes
        make GOLDFLAGS="-s -w" WHAT="cmd/kube-apiserver cmd/kube-controller-manager cmd/kube-scheduler cmd/kubelet" >"$work/build.log" 2>&1 ||
            { tail -30 "$work/build.log" >&2; exit 1; }
        cp -L _output/bin/kube-apiserver _output/bin/kube-controller-manager _output/bin/kube-scheduler _output/bin/kubelet "$tools/"
    )
    rm -rf "$work"
}

# --- processes --------------------------------------------------------------------------------------------------------------

alive() { [ -s "$folder/pid/$1" ] && kill -0 "$(cat "$folder/pid/$1")" 2>/dev/null; }

# launch NAME PROGRAM ARGUMENT…
launch() {
    local name=$1
    shift
    setsid nohup "$@" >>"$folder/log/$name" 2>&1 </dev/null &
    echo $! >"$folder/pid/$name"
}

# end NAME SECONDS: asks, then insists.
end() {
    local pid rest=$(($2 * 20))
    [ -s "$folder/pid/$1" ] || return 0
    pid=$(cat "$folder/pid/$1")
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && [ $rest -gt 0 ]; do sleep 0.05; rest=$((rest - 1)); done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$folder/pid/$1"
}

# await SECONDS WHAT COMMAND…
await() {
    local rest=$(($1 * 10)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        rest=$((rest - 1))
        [ $rest -gt 0 ] || { say "$what did not come up; see $folder/log"; return 1; }
        sleep 0.1
    done
}

# Below the ports that the system hands out by itself, so that nobody who asks for any takes one before its server has it.
free_ports() {
    python3 - "$1" <<'P'
import random, socket, sys
ports = []
while len(ports) < int(sys.argv[1]):
    with socket.socket() as candidate:
        try: candidate.bind(("127.0.0.1", random.choice([port for port in range(12_000, 30_000) if port not in ports])))
        except OSError: continue
        ports.append(candidate.getsockname()[1])
print(*ports)
P
}

# --- parts ------------------------------------------------------------------------------------------------------------------

start_docker() {
    alive dockerd && return
    local number=100
    while ip -4 addr show | grep -q "10\.213\.$number\."; do number=$((number + 1)); done
    echo "sfk$number" >"$folder/bridge"
    echo "10.213.$number.1" >"$folder/address"
    # With an address of its own: else it takes the lowest of its ports', which changes as pods come and go, and what other pods send to
    # the address they remember is lost for as long as they remember it.
    ip link add "sfk$number" address "$(printf '02:53:46:4b:00:%02x' "$number")" type bridge
    ip addr add "10.213.$number.1/24" dev "sfk$number"
    ip link set "sfk$number" up
    # Without CAP_SYS_RESOURCE nobody may lower an oom score, which the kubelet asks for.
    cat >"$folder/runc" <<'R'
#!/bin/sh
bundle= previous= creates=
for each in "$@"; do
    case $previous in --bundle | -b) bundle=$each ;; esac
    case $each in create | run) creates=1 ;; --bundle=*) bundle=${each#--bundle=} ;; esac
    previous=$each
done
if [ -n "$creates" ] && [ -f "$bundle/config.json" ]; then
    jq -c 'if (.process.oomScoreAdj // 0) < 0 then del(.process.oomScoreAdj) else . end' "$bundle/config.json" >"$bundle/config.new" &&
        mv "$bundle/config.new" "$bundle/config.json"
fi
exec /usr/sbin/runc "$@"
R
    chmod +x "$folder/runc"
    # A bridge of its own and no firewall rules, so that it stands beside any other dockerd of this machine.
    PATH=$PATH:/usr/sbin:/sbin launch dockerd dockerd -H "unix://$folder/docker.sock" --data-root "$folder/docker" --exec-root "$folder/exec" \
        -p "$folder/dockerd.pid" --bridge "sfk$number" --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
        --add-runtime "here=$folder/runc" --default-runtime here
    await 300 dockerd curl -sf --unix-socket "$folder/docker.sock" http://d/_ping
}

# The pause container, the image of the tests that need no more than a shell, and those that Python and git are in.
build_images() {
    docker image inspect swiftflow-test/git:1 >/dev/null 2>&1 && return
    local build="$folder/images"
    mkdir -p "$build"
    {
        build_busybox
        # A first process gets no signal that it does not trap, and the node would wait ten seconds for the end of each pod.
        printf 'FROM busybox:test\nENTRYPOINT ["/bin/sh","-c","trap exit TERM INT; sleep 2147483647 & wait"]\n' >"$build/Dockerfile"
        DOCKER_BUILDKIT=0 docker build -q -t pause:1 "$build"
        printf 'FROM busybox:test\nWORKDIR /work\n' >"$build/Dockerfile"
        DOCKER_BUILDKIT=0 docker build -q -t swiftflow-test/busybox:1 "$build"
        build_python
        # Under the name that the examples use, so that they run here as they stand.
        docker tag python-mini:test python:3.12-slim
        build_git
        docker tag git-mini:test swiftflow-test/git:1
    } >"$folder/log/images" 2>&1 || { tail -20 "$folder/log/images" >&2; return 1; }
    rm -rf "$build"
}

# A loop keeps the API server, so that whoever takes it away for a while need not be the one who starts it again.
start_api_server() {
    rm -f "$folder/run/api-down"
    alive kube-apiserver || launch kube-apiserver bash -c '
        folder=$1
        shift
        trap "kill \$(cat $folder/pid/apiserver) 2>/dev/null; wait; exit 0" TERM
        while :; do
            if [ -e "$folder/run/api-down" ]; then sleep 0.1; continue; fi
            "$@" &
            echo $! >"$folder/pid/apiserver"
            wait $!
        done' loop "$folder" "$tools/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" --bind-address=127.0.0.1 --secure-port="$api_port" \
        --advertise-address="$(cat "$folder/address")" --cert-dir="$folder/run/certs" \
        --service-account-key-file="$folder/run/sa.pub" --service-account-signing-key-file="$folder/run/sa.key" \
        --service-account-issuer=https://kubernetes.default.svc --api-audiences=https://kubernetes.default.svc \
        --token-auth-file="$folder/run/tokens.csv" --authorization-mode=RBAC --service-cluster-ip-range=10.214.0.0/24 \
        --kubelet-preferred-address-types=Hostname --allow-privileged=true --feature-gates=TTLAfterFinished=true
    await 300 "the API server" curl -skf "https://127.0.0.1:$api_port/readyz"
}

write_credentials() {
    [ -f "$folder/run/kubeconfig" ] && return
    openssl genrsa -out "$folder/run/sa.key" 2048 2>/dev/null
    openssl rsa -in "$folder/run/sa.key" -pubout -out "$folder/run/sa.pub" 2>/dev/null
    printf '%s\n' admintoken,admin,admin,system:masters runnertoken,runner,runner nobodytoken,nobody,nobody >"$folder/run/tokens.csv"
    local contexts='' users='' name space
    for name in admin runner nobody stranger; do
        space=default
        [ $name = runner ] && space=team
        contexts+="- {name: $name, context: {cluster: local, user: $name, namespace: $space}}"$'\n'
        users+="- {name: $name, user: {token: ${name}token}}"$'\n'
    done
    cat >"$folder/run/kubeconfig" <<K
apiVersion: v1
kind: Config
clusters:
- {name: local, cluster: {server: "https://127.0.0.1:$api_port", insecure-skip-tls-verify: true}}
contexts:
${contexts}users:
${users}current-context: admin
K
    chmod 600 "$folder/run/kubeconfig"
}

start_node() {
    alive kube-controller-manager || launch kube-controller-manager "$tools/kube-controller-manager" --kubeconfig="$KUBECONFIG" \
        --use-service-account-credentials=false --leader-elect=false --service-account-private-key-file="$folder/run/sa.key" \
        --port=0 --secure-port=0 --feature-gates=TTLAfterFinished=true \
        --controllers=job,cronjob,namespace,garbagecollector,podgc,ttl-after-finished,ttl,nodelifecycle,disruption,serviceaccount,serviceaccount-token,root-ca-cert-publisher,resourcequota
    alive kube-scheduler || launch kube-scheduler "$tools/kube-scheduler" --kubeconfig="$KUBECONFIG" --leader-elect=false --port=0 --secure-port=0
    # A full disk of this machine is no reason to remove images, which nobody could pull again.
    cat >"$folder/run/kubelet.yaml" <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: $kubelet_port
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
evictionHard: {}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
syncFrequency: 2s
nodeStatusUpdateFrequency: 5s
healthzPort: 0
readOnlyPort: 0
maxOpenFiles: 16384
maxPods: 200
registryPullQPS: 0
clusterDNS: [127.0.0.1]
K
    alive kubelet || launch kubelet "$tools/kubelet" --kubeconfig="$KUBECONFIG" --config="$folder/run/kubelet.yaml" --root-dir="$folder/kubelet" \
        --cert-dir="$folder/run/kcerts" --container-runtime=docker --docker-endpoint="$DOCKER_HOST" --pod-infra-container-image=pause:1 \
        --hostname-override=localhost
    await 300 "the default service account" kubectl get serviceaccount default
    await 300 "the node" kubectl wait --for=condition=Ready node/localhost --timeout=1s
    kubectl apply -f - >/dev/null <<'K'
apiVersion: v1
kind: Namespace
metadata: {name: team}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: swiftflow-runner, namespace: team}
rules:
- {apiGroups: [batch], resources: [jobs], verbs: [create, get, list, watch, delete]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, deletecollection]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [""], resources: [events], verbs: [list]}
- {apiGroups: [""], resources: [configmaps], verbs: [create, update, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: swiftflow-runner, namespace: team}
subjects: [{kind: User, name: runner, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: Role, name: swiftflow-runner, apiGroup: rbac.authorization.k8s.io}
K
    await 300 "the service account of namespace team" kubectl -n team get serviceaccount default
}

# --- commands ---------------------------------------------------------------------------------------------------------------

read_settings() {
    # shellcheck source=/dev/null
    . "$folder/ports"
    export KUBECONFIG="$folder/run/kubeconfig" DOCKER_HOST="unix://$folder/docker.sock"
}

start() {
    [ "$(id -u)" -eq 0 ] || { say "must be root"; exit 1; }
    install_packages
    provide_servers
    mkdir -p "$folder"/{pid,log,run,kubelet}
    folder=$(cd "$folder" && pwd)
    if ! [ -s "$folder/ports" ]; then
        read -r -a ports < <(free_ports 4)
        printf 'etcd_port=%s peer_port=%s api_port=%s kubelet_port=%s\n' "${ports[@]}" >"$folder/ports"
    fi
    read_settings
    start_docker
    build_images
    alive etcd || launch etcd etcd --data-dir "$folder/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" \
        --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls "http://127.0.0.1:$peer_port" \
        --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" --initial-cluster "default=http://127.0.0.1:$peer_port" --unsafe-no-fsync
    write_credentials
    start_api_server
    start_node
    printf 'export KUBECONFIG=%s\nexport DOCKER_HOST=%s\nexport SWIFTFLOW_TEST_NODE_ADDRESS=%s\n' \
        "$KUBECONFIG" "$DOCKER_HOST" "$(cat "$folder/address")" >"$folder/env"
    say "ready: . $folder/env"
}

stop() {
    [ -d "$folder" ] || return 0
    folder=$(cd "$folder" && pwd)
    local name
    for name in kubelet kube-scheduler kube-controller-manager kube-apiserver etcd; do end $name 5; done
    if alive dockerd; then
        export DOCKER_HOST="unix://$folder/docker.sock"
        docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
        end dockerd 20
    fi
    # The kubelet leaves tokens of pods mounted below its folder, and links to logs outside of it.
    awk -v root="$folder/" 'index($2, root) == 1 {print $2}' /proc/self/mounts | sort -r | while read -r mount; do umount -l "$mount" || true; done
    if [ -s "$folder/bridge" ]; then ip link del "$(cat "$folder/bridge")" 2>/dev/null || true; fi
    find /var/log/containers /var/log/pods -type l -lname "$folder/*" -delete 2>/dev/null || true
    find -L /var/log/containers -type l -delete 2>/dev/null || true
    find /var/log/pods -mindepth 1 -type d -empty -delete 2>/dev/null || true
    rm -rf "$folder"
}

case $command in
    start) start ;;
    stop) stop ;;
    api-down)
        folder=$(cd "$folder" && pwd)
        touch "$folder/run/api-down"
        end apiserver 10
        ;;
    api-up)
        folder=$(cd "$folder" && pwd)
        read_settings
        start_api_server
        ;;
    *) say "unknown command '$command'"; exit 2 ;;
esac
