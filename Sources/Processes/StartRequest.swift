import CLinux
import Diagnostics
import Glibc
import SystemPackage

/// A specification checked and put into the form that the keeper reads (see `keeper_protocol.h`).
struct StartRequest: Sendable {
    let specification: ProcessSpecification
    /// Executable, folder, arguments, variables; each closed by a zero byte.
    let text: [UInt8]
    let argumentCount: UInt32
    let variableCount: UInt32

    init(_ specification: ProcessSpecification) throws(ProcessError) {
        let program = specification.executable
        guard !program.isEmpty else { throw ProcessError("cannot start a program without a name") }
        let executable = try absolute(program)
        var text: [UInt8] = []
        let name = specification.name ?? executable.string
        guard !name.utf8.contains(0) else {
            throw ProcessError("cannot start '\(program)': the name it is told contains a NUL byte")
        }
        for part in [executable.string, try absolute(specification.workingDirectory).string, name] {
            text.append(contentsOf: part.utf8)
            text.append(0)
        }
        for (index, argument) in specification.arguments.enumerated() {
            guard !argument.utf8.contains(0) else {
                throw ProcessError("cannot start '\(program)': its argument \(index + 1) contains a NUL byte")
            }
            text.append(contentsOf: argument.utf8)
            text.append(0)
        }
        // Sorted, so that a program that prints its environment prints the same each time.
        for (name, value) in specification.environment.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty, !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") }) else {
                throw ProcessError("cannot start '\(program)': '\(name)' cannot be the name of a variable")
            }
            // The value stays out of the message: it may be a secret.
            guard !value.utf8.contains(0) else {
                throw ProcessError("cannot start '\(program)': the value of variable '\(name)' contains a NUL byte")
            }
            text.append(contentsOf: name.utf8)
            text.append(UInt8(ascii: "="))
            text.append(contentsOf: value.utf8)
            text.append(0)
        }
        guard specification.arguments.count < 1 << 24, specification.environment.count < 1 << 24 else {
            throw ProcessError("cannot start '\(program)': it has too many arguments or variables")
        }
        self.specification = specification
        self.text = text
        argumentCount = UInt32(specification.arguments.count) + 1
        variableCount = UInt32(specification.environment.count)
    }

    func message(job: UInt64) -> swiftflow_keeper_request {
        swiftflow_keeper_request(
            version: SWIFTFLOW_KEEPER_VERSION, argument_count: argumentCount, variable_count: variableCount, unused: 0,
            length: UInt64(text.count), job: job)
    }
}

/// The keeper's current folder need not be ours.
private func absolute(_ path: FilePath) throws(ProcessError) -> FilePath {
    if path.isAbsolute { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard unsafe getcwd(&buffer, buffer.count) != nil else {
        throw ProcessError(
            "cannot find '\(path)': the current folder does not exist any more", remedy: "change to another folder")
    }
    let current = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return FilePath(current).pushing(path)
}
