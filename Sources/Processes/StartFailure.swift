import CLinux
import Diagnostics
import Glibc
import SystemPackage

extension ProcessError {
    /// Something the runner itself could not do, with the reason the system gave.
    init(startFailure message: String, error: Int32) {
        switch error {
        case EMFILE, ENFILE:
            self.init(
                "\(message): too many open files",
                remedy: "raise the limit of open files (ulimit -n) or run fewer things at once")
        case EAGAIN:
            self.init(
                "\(message): the limit of processes is reached",
                remedy: "raise the limit (ulimit -u) or run fewer things at once")
        case ENOMEM: self.init("\(message): there is not enough memory", remedy: "run fewer things at once")
        default: self.init("\(message): \(Errno(rawValue: error).description.lowercased())")
        }
    }

    /// A program that a supervisor could not start.
    init(_ specification: ProcessSpecification, step: Int32, error: Int32, size: Int) {
        let program = specification.executable.string
        let folder = specification.workingDirectory.string
        let start = "cannot start '\(program)'"
        switch (step, error) {
        case (SWIFTFLOW_KEEPER_STEP_VERSION, _):
            self.init(
                "\(start): 'swiftflow-keeper' belongs to another version of swiftflow",
                remedy: "install both programs from the same release")
        case (SWIFTFLOW_KEEPER_STEP_FOLDER, ENOENT):
            self.init("\(start): its working folder '\(folder)' does not exist")
        case (SWIFTFLOW_KEEPER_STEP_FOLDER, ENOTDIR):
            self.init("\(start): its working folder '\(folder)' is not a folder")
        case (SWIFTFLOW_KEEPER_STEP_FOLDER, EACCES):
            self.init("\(start): its working folder '\(folder)' may not be entered", remedy: "check its permissions")
        case (SWIFTFLOW_KEEPER_STEP_EXECUTE, ENOENT) where unsafe access(program, F_OK) == 0:
            self.init(
                "\(start): the interpreter in its first line ('#!') or its loader is missing",
                remedy: "install the interpreter or correct the line")
        case (SWIFTFLOW_KEEPER_STEP_EXECUTE, ENOENT): self.init("\(start): there is no such program")
        case (SWIFTFLOW_KEEPER_STEP_EXECUTE, EACCES):
            self.init("\(start): it may not be executed", remedy: "check its permissions (chmod +x)")
        case (SWIFTFLOW_KEEPER_STEP_EXECUTE, ENOEXEC):
            self.init(
                "\(start): it is neither a program for this machine nor a script with an interpreter line",
                remedy: "let its first line be '#!' and the interpreter")
        case (SWIFTFLOW_KEEPER_STEP_EXECUTE, E2BIG):
            self.init(
                "\(start): its arguments and environment are too long (\(size) bytes in all)",
                remedy: "pass long values in a file; one value may have 128 KiB, all together about 2 MiB")
        default: self.init(startFailure: start, error: error)
        }
    }
}
