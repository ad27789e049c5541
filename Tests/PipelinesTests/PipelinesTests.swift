import Diagnostics
import Documents
import Pipelines
import Testing

/// A place for expressions that stand in no file.
let nowhere = TextPlacement(SourceLocation(file: "pipeline.yaml", line: 1, column: 1))
