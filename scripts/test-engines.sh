#!/usr/bin/env bash
# test-engines.sh [TARGET …]: starts the real engines, runs the built tests that need them, and stops the engines again.
#
# Each target names the engines it needs below; PodmanRootless only runs when it is named. Nothing but these engines is asked over a network.
set -uo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(Docker Podman KubernetesEngine)

# A socket's path has at most 107 bytes, so this folder is not below the checkout.
folder=$(mktemp -d /tmp/sf-engines.XXXXXX)
rootless_user=sf-rootless
stop() {
    scripts/engines/registry.sh stop "$folder/registry"
    scripts/engines/registry.sh stop "$folder/private-registry"
    scripts/engines/docker.sh stop "$folder/docker"
    scripts/engines/podman.sh stop "$folder/podman"
    scripts/engines/podman.sh stop "$folder/rootless" "$rootless_user"
    scripts/engines/kubernetes.sh stop "$folder/kubernetes"
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

# Below the ports that the system hands out by itself, so that nobody who asks for any takes it before the registry does.
free_port() {
    local port
    while :; do
        port=$((12000 + RANDOM % 18000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# One that gives images to everybody, and one that wants a login.
start_registries() {
    scripts/engines/registry.sh start "$folder/registry" "$(free_port)" &&
        scripts/engines/registry.sh start "$folder/private-registry" "$(free_port)" tester
}

# run_rootless TARGET VARIABLES: not by SwiftPM, whose build folder is not that user's.
run_rootless() {
    local bundle
    bundle=$(swift build --show-bin-path)/swiftflowPackageTests.xctest
    mkdir -p "$folder/rootless/tests"
    chown "$rootless_user" "$folder/rootless/tests"
    (
        eval "$2"
        runuser -u "$rootless_user" -- env USER="$rootless_user" TMPDIR="$folder/rootless/tests" SWIFTFLOW_REQUIRE_ENGINES=1 \
            SWIFTFLOW_TEST_CONTAINER_CLIENT=podman "$bundle" --testing-library swift-testing --filter '^DockerTests\.' 2>&1
    ) | tee "$logs/$1" || failed+=("$1")
}

source scripts/targets.sh
for target in "${targets[@]}"; do
    suite=$target
    variables=()
    case $target in
    Docker)
        docker=$(scripts/engines/docker.sh start "$folder/docker") &&
            registries=$(start_registries) || {
            failed+=("$target (its engine)")
            continue
        }
        # Lines of `export` of the scripts' own making.
        eval "$docker"
        eval "$registries"
        ;;
    Podman)
        # The Docker tests with the other client, as far as they mean both.
        podman=$(scripts/engines/podman.sh start "$folder/podman") &&
            registries=$(start_registries) || {
            failed+=("$target (its engine)")
            continue
        }
        eval "$podman"
        eval "$registries"
        suite=Docker
        # For this target alone.
        variables=(SWIFTFLOW_TEST_CONTAINER_CLIENT=podman)
        ;;
    PodmanRootless)
        # Podman's tests as an ordinary user, who has ids of its own for what is in containers.
        chmod 711 "$folder"
        podman=$(scripts/engines/podman.sh start "$folder/rootless" "$rootless_user") &&
            registries=$(start_registries) || {
            failed+=("$target (its engine)")
            continue
        }
        eval "$registries"
        echo "== $target (engines)"
        run_rootless "$target" "$podman"
        continue
        ;;
    KubernetesEngine)
        # Its node has a Docker daemon of its own, so that the other tests' containers are none of its business.
        scripts/engines/kubernetes.sh start "$folder/kubernetes" &&
            registries=$(start_registries) || {
            failed+=("$target (its engine)")
            continue
        }
        eval "$registries"
        export SWIFTFLOW_TEST_KUBERNETES="$folder/kubernetes"
        ;;
    esac
    echo "== $target (engines)"
    run_target "$target" "$suite" SWIFTFLOW_REQUIRE_ENGINES=1 "${variables[@]}"
done
finish_targets
