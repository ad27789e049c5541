import Processes
import TestSupport
import Testing
import Tracking

/// What the steps of nested pipelines may use.
@Suite(.timeLimit(.minutes(10))) struct `Limits of pipelines within pipelines` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    @Test func `nested steps share the limits of the pipeline around them`() async throws {
        // Each step notes how many are at work beside it.
        let command = #"'touch busy.{i}; ls busy.* | wc -l >> seen; sleep 0.1; rm busy.{i}'"#
        try program.write(
            "inner.yaml",
            """
            params: {p: 0}
            limits: {parallel: 8, cpu: 8}
            steps:
              work:
                matrix: {j: [1, 2, 3]}
                command: \(command)
                params: {i: "${{ format('{}-{}', params.p, matrix.j) }}"}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            limits: {parallel: 2, cpu: 8}
            steps:
              parts:
                matrix: {p: [1, 2]}
                pipeline: inner.yaml
              beside:
                matrix: {k: [1, 2, 3]}
                command: \(command)
                params: {i: "${{ format('b{}', matrix.k) }}"}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        let seen = try program.read("seen").split(separator: "\n").compactMap { Int($0) }
        #expect(seen.count == 9)
        #expect(seen.allSatisfy { $0 <= 2 }, "\(seen)")
    }

    @Test func `what a step sets aside is shared by its pipeline and by nobody else`() async throws {
        try program.write(
            "inner.yaml",
            """
            limits: {db: 9}
            steps:
              work:
                matrix: {j: [1, 2, 3]}
                resources: {db: 1}
                command: 'touch busy.{j}; ls busy.* | wc -l >> seen; sleep 0.1; rm busy.{j}'
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            limits: {db: 2, parallel: 8, cpu: 8}
            steps:
              alone: {pipeline: inner.yaml, resources: {db: 1}}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try program.read("seen") == "1\n1\n1\n")
    }
}
