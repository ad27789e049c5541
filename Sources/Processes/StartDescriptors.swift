import CLinux
import Diagnostics
import Glibc

/// The two ends of one stream of a process.
struct StreamEnds: ~Copyable {
    let ours: Descriptor
    let theirs: Descriptor

    consuming func keepOurs() -> Descriptor { ours }
}

/// What the runner keeps of a start.
struct OurEnds: ~Copyable {
    let control: Descriptor
    let output: Descriptor
    let error: Descriptor
}

/// Everything that is opened for one start: our ends, and the five descriptors that go to the keeper.
struct StartDescriptors: ~Copyable {
    let control: Descriptor
    let supervisorControl: Descriptor
    let program: Descriptor
    let input: Descriptor
    let output: StreamEnds
    let error: StreamEnds

    init(_ request: StartRequest) throws(ProcessError) {
        let specification = request.specification
        let subject = "cannot start '\(specification.executable)'"
        func attempt(_ call: () -> Int32) throws(ProcessError) -> Int32 {
            let result = call()
            if result >= 0 { return result }
            guard lastErrno == EMFILE, raiseOpenFileLimit() else {
                throw ProcessError(startFailure: subject, error: lastErrno)
            }
            let second = call()
            guard second >= 0 else { throw ProcessError(startFailure: subject, error: lastErrno) }
            return second
        }
        func pair(_ open: (UnsafeMutablePointer<Int32>) -> Int32) throws(ProcessError) -> (Int32, Int32) {
            var ends: [Int32] = [-1, -1]
            _ = try attempt {
                unsafe ends.withUnsafeMutableBufferPointer { ends in
                    unsafe ends.baseAddress.map { unsafe open($0) } ?? -1
                }
            }
            return (ends[0], ends[1])
        }
        func stream(_ terminal: Int32) throws(ProcessError) -> StreamEnds {
            let isTerminal = specification.output.mirrorsTerminal && isatty(terminal) == 1
            let ends =
                isTerminal
                ? try unsafe pair { unsafe swiftflow_open_terminal($0, $0 + 1, terminal) }
                : try unsafe pair { unsafe swiftflow_output_pipe($0) }
            return StreamEnds(ours: Descriptor(ends.0), theirs: Descriptor(ends.1))
        }
        func memoryFile(_ bytes: [UInt8]) throws(ProcessError) -> Descriptor {
            let file = Descriptor(try attempt { unsafe swiftflow_memory_file("swiftflow") })
            guard writeAll(bytes, to: file.number), lseek(file.number, 0, SEEK_SET) == 0 else {
                throw ProcessError(startFailure: subject, error: lastErrno)
            }
            return file
        }

        let sockets = try unsafe pair { unsafe swiftflow_message_sockets($0) }
        let control = Descriptor(sockets.0)
        let supervisorControl = Descriptor(sockets.1)
        let program = try memoryFile(request.text)
        let input: Descriptor
        switch specification.standardInput {
        case .bytes(let bytes): input = try memoryFile(bytes)
        // Without a standard input of our own there is nothing to inherit.
        case .inherited where fcntl(0, F_GETFD) >= 0: input = Descriptor(try attempt { fcntl(0, F_DUPFD_CLOEXEC, 3) })
        case .inherited, .null: input = Descriptor(try attempt { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) })
        }
        let output = try stream(1)
        let error = try stream(2)
        // All together at the end: a partly made value could not be taken apart again by the compiler.
        self.control = control
        self.supervisorControl = supervisorControl
        self.program = program
        self.input = input
        self.output = output
        self.error = error
        if UInt64(self.error.theirs.number) > openFileLimit() / 2 { _ = raiseOpenFileLimit() }
    }

    /// Closes what the keeper has a copy of now; the rest is the caller's.
    consuming func keepOurs() -> OurEnds {
        OurEnds(control: control, output: output.keepOurs(), error: error.keepOurs())
    }

    /// In the order of the protocol.
    var sent: [Int32] {
        [supervisorControl.number, program.number, input.number, output.theirs.number, error.theirs.number]
    }
}

private func openFileLimit() -> UInt64 {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    return UInt64(limit.rlim_cur)
}

/// Lifts our own soft limit of open files to the hard one.
///
/// The keeper, and so every program, keeps the one we were started with.
private func raiseOpenFileLimit() -> Bool {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return false }
    limit.rlim_cur = limit.rlim_max
    return unsafe setrlimit(resource, &limit) == 0
}
