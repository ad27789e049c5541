import Execution
import Processes
import Testing

@testable import Scheduling

/// Leases, names and small values: what is written into the store and read back.
@Suite struct JournalTests {
    static let dead = ProcessIdentity("\(ProcessIdentity.current.host):\(ProcessIdentity.current.bootID):999999:1")

    @Test func `a lease is read as it was written`() throws {
        let lease = Lease(owner: .current, epoch: 7, heartbeat: 1_234_567)
        #expect(Lease(lease.text) == lease)
    }

    @Test(arguments: ["", "{}", "[]", #"{"owner": "x", "epoch": 1, "heartbeat": 2}"#, #"{"owner": 5}"#])
    func `what is no lease is none`(text: String) {
        #expect(Lease(text) == nil)
    }

    @Test func `a lease expires with its owner, or after silence from elsewhere`() throws {
        let dead = try #require(Self.dead)
        #expect(Lease(owner: dead, epoch: 1, heartbeat: .max).isExpired(at: 0))
        #expect(!Lease(owner: .current, epoch: 1, heartbeat: 0).isExpired(at: .max))
        let elsewhere = try #require(ProcessIdentity("some-other-host:boot:1:1"))
        #expect(!Lease(owner: elsewhere, epoch: 1, heartbeat: 100_000).isExpired(at: 100_000 + Lease.patience))
        #expect(Lease(owner: elsewhere, epoch: 1, heartbeat: 100_000).isExpired(at: 100_001 + Lease.patience))
    }

    @Test func `W-14: a clock that was set back does not end another's lease`() throws {
        let elsewhere = try #require(ProcessIdentity("some-other-host:boot:1:1"))
        #expect(!Lease(owner: elsewhere, epoch: 1, heartbeat: 31_536_000_000).isExpired(at: 0))
    }

    @Test func `names of launches are the same again and fit every backend`() {
        let name = launchName(pipelineRun: "0123456789abcdef", node: "train[model=rf,fold=2]", attempt: 3)
        #expect(name == launchName(pipelineRun: "0123456789abcdef", node: "train[model=rf,fold=2]", attempt: 3))
        #expect(name.hasPrefix("sf-01234567-") && name.hasSuffix("-3"))
        #expect(
            name.utf8.count <= 63 && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) })
        #expect(name != launchName(pipelineRun: "0123456789abcdef", node: "train[model=rf,fold=1]", attempt: 3))
    }

    @Test func `outputs are read as they were written`() {
        let outputs: [String: OutputValue] = [
            "model": .artifact(path: "a/model", digest: "abc"), "raw": .artifact(path: "raw", digest: nil),
            "rows": .text("5"),
        ]
        #expect(storedOutputs(outputTags(outputs)) == outputs)
    }

    @Test(arguments: [
        ("a=1\nb=two words\n", ["a": "1", "b": "two words"]), ("a=1\n\na=2", ["a": "2"]), ("a==x=", ["a": "=x="]),
        ("a=", ["a": ""]), ("", [:]), ("a=$(x) {y} '\"", ["a": "$(x) {y} '\""]),
    ])
    func `W-05: lines become values, whatever they hold`(text: String, values: [String: String]) throws {
        #expect(try parseSmallValues(Array(text.utf8)) == values.mapValues { OutputValue.text($0) })
    }

    @Test(arguments: ["no equals sign", "=value", "1a=x", "a b=x", "a=\0", "a=" + String(repeating: "x", count: 8001)])
    func `W-05: lines that are none are refused`(text: String) {
        #expect(throws: NodeFailure.self) { _ = try parseSmallValues(Array(text.utf8)) }
    }

    @Test func `W-05: bytes that are no text are refused`() {
        #expect(throws: NodeFailure.self) { _ = try parseSmallValues(Array("a=".utf8) + [0xFF, 0xFE]) }
    }

    @Test func `a wish to cancel names its steps`() {
        #expect(cancelledSteps(cancelWish(steps: [])) == [])
        #expect(cancelledSteps(cancelWish(steps: ["a", "b \"c\""])) == ["a", "b \"c\""])
    }
}
