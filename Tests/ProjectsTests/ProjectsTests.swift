import Diagnostics
import Projects
import SystemPackage
import Testing

@Suite struct `From a URI to a command` {
    @Test func `a local project gives the command MLflow would run`() async throws {
        let fixture = try ProjectFixture([
            "caller/data.csv": "1,2\n",
            "repo/sub/MLproject": """
            name: demo
            entry_points:
              main:
                parameters:
                  data: path
                  alpha: {type: float, default: 0.50}
                command: "python train.py --data {data} --alpha {alpha}"
            """,
        ])
        let sources = CheckoutSources(git: { _, _ in throw InvalidInput("no git") }, download: { _, _ in })
        let uri = try ProjectURI("repo#sub", currentDirectory: fixture.root)
        let checkout = try await Checkout(of: uri, sources: sources)
        let project = try Project(loading: checkout.root)
        let resolution = try project.entryPoint(named: "main").resolve(
            GivenParameters(parsing: ["data=data.csv", "note=it's"]), callerDirectory: fixture.root.appending("caller"),
            root: project.root)
        let data = fixture.root.appending("caller/data.csv")
        #expect(try resolution.command() == "python train.py --data \(data) --alpha 0.5 --note 'it'\"'\"'s'")
        #expect(resolution.parameters.map(\.value) == ["data.csv", "0.5", "it's"])
        #expect(uri.sourceName(root: project.root, worktree: nil) == "repo#sub")
    }
}
