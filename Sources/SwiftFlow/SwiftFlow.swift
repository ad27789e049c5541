// SwiftFlow
