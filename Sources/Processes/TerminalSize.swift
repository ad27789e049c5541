import CLinux
import Glibc
import Synchronization

/// Keeps the pseudo terminals of processes at the size of the runner's own terminal.
enum TerminalSize {
    /// One pseudo terminal that follows ours, until `stop()`.
    final class Follower: Sendable {
        /// A copy of the master, so that it stays valid whatever the pump closes.
        private let master: Mutex<Int32?>
        private let terminal: Int32
        private let process: KeptProcess

        fileprivate init(master: Int32, terminal: Int32, process: KeptProcess) {
            self.master = Mutex(master)
            self.terminal = terminal
            self.process = process
        }

        fileprivate func update() {
            let isOpen = master.withLock { master in
                guard let master else { return false }
                _ = swiftflow_copy_terminal_size(master, terminal)
                return true
            }
            // It is not the process's controlling terminal, so the kernel sends no signal.
            if isOpen { process.signalGroup(SIGWINCH) }
        }

        func stop() {
            followers.withLock { $0[ObjectIdentifier(self)] = nil }
            master.withLock { master in
                if let master { _ = close(master) }
                master = nil
            }
        }
    }

    private static let followers = Mutex<[ObjectIdentifier: Follower]>([:])
    /// Installed with the first follower, for ever.
    private static let watch: Void = SignalWatch.shared.observe(SIGWINCH) { _ in
        for follower in followers.withLock({ Array($0.values) }) { follower.update() }
    }

    static func follow(master: Int32, terminal: Int32, _ process: KeptProcess) -> Follower? {
        let copy = fcntl(master, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { return nil }
        let follower = Follower(master: copy, terminal: terminal, process: process)
        followers.withLock { $0[ObjectIdentifier(follower)] = follower }
        _ = watch
        return follower
    }
}

/// The columns of the terminal a descriptor is connected to; nil where there is none or it does not say.
package func terminalWidth(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
}

/// The rows of the terminal a descriptor is connected to; nil where there is none or it does not say.
package func terminalHeight(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return nil }
    return Int(size.ws_row)
}
