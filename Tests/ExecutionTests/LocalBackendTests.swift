import Execution
import Files
import LocalBackend
import Processes
import SystemPackage
import TestSupport
import Testing

/// The local backend keeps what every backend promises.
@Suite(.timeLimit(.minutes(2))) struct LocalBackendTests {
    private var kit: BackendConformance {
        BackendConformance(LocalBackend(starter: Keeper.shared)) { job in
            // The bytes are compared as they are written; a terminal of the developer's would have no part in that.
            job.output.mirrorsTerminal = false
            job.workingDirectory = "/tmp"
        }
    }

    @Test func `exit codes arrive as they are`() async throws {
        expectKept(try await kit.checkExitCodes())
    }

    @Test func `the command and the variables reach the shell unread by any other`() async throws {
        expectKept(try await kit.checkCommandText())
    }

    @Test func `every byte of the output arrives, in order`() async throws {
        expectKept(try await kit.checkOutput())
    }

    @Test func `a stopped command is asked first and made to end after the grace`() async throws {
        expectKept(try await kit.checkCancellation())
    }

    @Test func `a killed command is not asked`() async throws {
        expectKept(try await kit.checkKillAndWaiting())
    }

    @Test func `commands side by side do not know of each other`() async throws {
        expectKept(try await kit.checkManyAtOnce())
    }

    @Test func `a job that was never submitted is not found`() async throws {
        expectKept(try await kit.checkUnknownJob())
    }
}
