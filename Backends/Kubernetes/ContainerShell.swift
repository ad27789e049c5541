/// How a command's text reaches the one shell that reads it, inside the container, and how the container's log comes to have an end.
///
/// What a node says of a container's log may lack its end, or all of it: the node reads what another program of it has not written yet. So a
/// shell stays beside the command and writes a mark after its last byte, and whoever reads the log knows by it whether that was all.
package struct ContainerShell: Sendable {
    /// For bash, which entry points are written for, or `sh` in images that have no other.
    ///
    /// The text is an argument of its own all the way, so no other shell reads it.
    package var command: String
    /// Lines before it, in which `$2` is the folder.
    package var preparation: String?
    package var folder: String?
    package var endMark: String

    package init(command: String, preparation: String? = nil, folder: String? = nil, endMark: String) {
        self.command = command
        self.preparation = preparation
        self.folder = folder
        self.endMark = endMark
    }

    package var arguments: [String] {
        ["sh", "-c", Self.choice, "swiftflow", script, command, folder ?? ".", endMark]
    }

    private static let choice = """
        if command -v bash >/dev/null 2>&1; then shell=bash; else shell=sh; fi
        exec "$shell" -c "$1" "$shell" "$2" "$3" "$4"
        """

    /// Both streams go one way, as otherwise nobody knows which of them is later.
    ///
    /// Whoever ends the pod asks its first process only, and that is this shell: it asks all others in its place, as nobody else would, and
    /// stays until they have ended. Where several containers share their processes it is not the first, and asks the command alone.
    private var script: String {
        """
        asked= child=
        ask() {
            asked=1
            if [ "$$" = 1 ]; then kill -TERM -1; elif [ "$child" ]; then kill -TERM "$child"; fi
        }
        trap ask TERM INT HUP QUIT
        if \(preparation ?? ":"); then
            ( trap - TERM INT HUP QUIT; exec "$0" -c "$1" ) 2>&1 &
            child=$!
            exec 2>/dev/null
            [ -z "$asked" ] || ask
            wait "$child"
            code=$?
            while [ "$asked" ]; do
                asked=
                wait "$child"
                late=$?
                [ "$late" = 127 ] || code=$late
                if [ "$$" = 1 ]; then while kill -0 -1; do sleep 0.1 || sleep 1; done; fi
            done
        else
            code=126
        fi
        printf '%s\\n' "$3"
        exit "$code"
        """
    }
}
