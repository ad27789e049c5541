import Files
import SystemPackage

/// Plays conda's part: the real command line cannot be had from a package registry, so its commands are acted out by a
/// script that answers as the real one does.
///
/// What is tested against it is our side only: which commands are called, in which order, and what we make of their
/// answers. `CondaEnvironmentTests` has a test for a real conda too (`SWIFTFLOW_TEST_CONDA=1`).
struct CondaStandIn {
    /// What `MLFLOW_CONDA_HOME` names.
    let home: FilePath

    init(_ fixture: EnvironmentFixture, program: String = "conda") throws {
        home = fixture.temporary.path.appending("conda")
        for folder in ["conda/bin", "conda/envs", "conda/etc/profile.d"] {
            try fixture.temporary.directory.makeDirectory(RelativePath(folder))
        }
        let hook = Self.hook(home, program)
        if program == "conda" {
            try fixture.temporary.directory.writeFile(RelativePath("conda/etc/profile.d/conda.sh"), Array(hook.utf8))
        }
        try fixture.addProgram(program, Self.script(home, hook), folder: "conda/bin")
    }

    private static func hook(_ home: FilePath, _ program: String) -> String {
        """
        \(program)() {
            [ "$1" = activate ] || { command \(program) "$@"; return; }
            [ -d "\(home)/envs/$2" ] || { echo "EnvironmentNameNotFound: $2" >&2; return 1; }
            export CONDA_PREFIX="\(home)/envs/$2" CONDA_DEFAULT_ENV="$2" PATH="\(home)/envs/$2/bin:$PATH"
            echo "activated $2"
        }

        """
    }

    private static func script(_ home: FilePath, _ hook: String) -> String {
        """
        #!/bin/bash
        # Stands in for conda, mamba and micromamba.
        root="\(home)/envs"
        make() {
            [ -e "$root/$1" ] && { echo "CondaValueError: prefix already exists" >&2; exit 1; }
            mkdir -p "$root/$1/conda-meta" "$root/$1/bin"
            if [ -n "$2" ] && grep -q no_such_package "$2"; then
                echo "PackagesNotFoundError: no_such_package" >&2; exit 1
            fi
            if [ -n "$2" ] && grep -q hang "$2"; then echo solving; exec sleep 600; fi
            ln -s "$(command -v python3)" "$root/$1/bin/python"; echo "# done"
        }
        case "$*" in
        "env list --json")
            printf '{"envs": ["%s"' "\(home)"
            for e in "$root"/*/; do [ -d "$e" ] && printf ', "%s"' "${e%/}"; done
            printf ']}\\n' ;;
        "env create -n mlflow-"*" --file /"*) make "$4" "${*:6}" ;;
        "env create --yes -n mlflow-"*" --file /"*) make "$5" "${*:7}" ;;
        "create --yes -n mlflow-"*" --file /"*) make "$4" "${*:6}" ;;
        "create --channel conda-forge --yes --override-channels -n mlflow-"*" python") make "$7" "" ;;
        "remove --yes --name mlflow-"*" --all") rm -rf "$root/$4" ;;
        "env remove --yes -n mlflow-"*) rm -rf "$root/$5" ;;
        "shell.bash hook" | "shell hook --shell bash") cat <<'HOOK'
        \(hook.split(separator: "\n").joined(separator: "\n        "))
        HOOK
            ;;
        *) echo "CommandNotFoundError: $*" >&2; exit 2 ;;
        esac
        """.replacing("\n        ", with: "\n")
    }
}
