import Diagnostics
import Pipelines
import TestSupport
import Testing

@Suite struct MutationTests {
    @Test(arguments: [Examples.movielens, Examples.churn, Examples.vision])
    func `a damaged file is answered with findings, never with a crash`(text: String) {
        var numbers = SeededGenerator(seed: UInt64(text.utf8.count))
        let bytes = Array(text.utf8)
        let alphabet = Array("{}[]:-#'\"$ \n\t,.?<&*!|>%@0eax\u{0}".utf8) + [0xFF]
        for _ in 0..<400 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                let place = Int.random(in: 0..<changed.count, using: &numbers)
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0: changed.remove(at: place)
                case 1: changed.insert(alphabet.randomElement(using: &numbers) ?? 0, at: place)
                case 2: changed[place] = alphabet.randomElement(using: &numbers) ?? 0
                default:
                    let end = min(changed.count, place + Int.random(in: 1...60, using: &numbers))
                    let other = Int.random(in: 0..<changed.count, using: &numbers)
                    changed.insert(contentsOf: changed[place..<end], at: other)
                }
            }
            let (pipeline, findings) = Pipeline.read(changed, file: "pipeline.yaml")
            let excerpts = SourceExcerpts(changed)
            var all = findings
            if let pipeline {
                all += pipeline.check()
                let made = Plan.make(pipeline, source: changed, isCheck: true)
                all += made.findings
                // What has a plan can be written down and read again.
                if let plan = made.plan, !findings.contains(where: { $0.severity == .error }) {
                    #expect((try? PipelineGraph(plan))?.text(as: .svg).hasSuffix("</svg>\n") == true)
                }
            } else {
                #expect(findings.contains { $0.severity == .error })
            }
            for finding in all { _ = (finding.description, excerpts.excerpt(of: finding)) }
        }
    }
}
