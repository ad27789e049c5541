import Glibc

/// An open descriptor that is closed when its owner lets go of it.
struct Descriptor: ~Copyable, Sendable {
    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    deinit {
        _ = close(number)
    }

    /// Hands the descriptor over to someone who will close it.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// The `errno` of the call just made on this thread.
var lastErrno: Int32 { errno }

/// Writes all bytes to a descriptor that does not block for ever (a file, a memory file).
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var position = 0
    while position < bytes.count {
        let written = unsafe bytes.span.withUnsafeBytes { all in
            unsafe write(descriptor, all.baseAddress.map { unsafe $0 + position }, all.count - position)
        }
        if written < 0 {
            guard errno == EINTR else { return false }
        } else {
            position += written
        }
    }
    return true
}
