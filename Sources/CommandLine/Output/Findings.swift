import Diagnostics
import Files
import Pipelines
import SystemPackage

extension Messages {
    /// Shows findings in the order of the file, with the lines they are about.
    ///
    /// - Parameters:
    ///   - content: of the file most of them are about.
    ///   - name: that file's, as the findings have it.
    static func show(_ findings: [Diagnostic], in content: [UInt8], of name: String) {
        var excerpts = [name: SourceExcerpts(content)]
        for finding in findings.inOrder {
            guard let file = finding.location?.file else {
                show(finding, excerpt: nil)
                continue
            }
            // Of nested pipelines the files are named as they are found from here.
            if excerpts[file] == nil {
                let path = currentDirectory().pushing(FilePath(file))
                if fileStatus(path)?.kind == .file, let bytes = try? readFile(path, limit: Pipeline.sizeLimit) {
                    excerpts[file] = SourceExcerpts(bytes)
                }
            }
            show(finding, excerpt: excerpts[file]?.excerpt(of: finding))
        }
    }
}

extension [Diagnostic] {
    /// By place; what has none comes last.
    var inOrder: [Diagnostic] {
        enumerated().sorted { left, right in
            switch (left.element.location, right.element.location) {
            case (let one?, let other?): one == other ? left.offset < right.offset : one < other
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): left.offset < right.offset
            }
        }.map(\.element)
    }
}
