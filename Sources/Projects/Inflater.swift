// The only file of the module that speaks to zlib.

import CZlib

/// Decompresses one raw deflate stream, piece by piece.
@safe struct Inflater: ~Copyable {
    enum Outcome {
        /// So many bytes of the input were used and so many of the output filled; call again with what is left.
        case progress(consumed: Int, produced: Int)
        /// The stream ended.
        case ended(consumed: Int, produced: Int)
        case damaged
    }

    // zlib keeps the address of the structure in its state, so it lives on the heap until `deinit`.
    private let stream: UnsafeMutablePointer<z_stream>

    /// `nil` without memory.
    init?() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let status = unsafe inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { return nil }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    mutating func inflate(_ input: ArraySlice<UInt8>, into output: inout [UInt8]) -> Outcome {
        var input = Array(input)
        // Both buffers outlive the call, and zlib keeps neither pointer after it returns.
        return unsafe input.withUnsafeMutableBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = source.baseAddress
                unsafe stream.pointee.avail_in = UInt32(clamping: source.count)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(clamping: target.count)
                let status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                let consumed = unsafe source.count - Int(stream.pointee.avail_in)
                let produced = unsafe target.count - Int(stream.pointee.avail_out)
                switch status {
                case Z_OK, Z_BUF_ERROR: return .progress(consumed: consumed, produced: produced)
                case Z_STREAM_END: return .ended(consumed: consumed, produced: produced)
                default: return .damaged
                }
            }
        }
    }
}

/// The CRC-32 of data that comes in pieces.
struct Checksum {
    private(set) var value: UInt32 = 0

    mutating func add(_ bytes: ArraySlice<UInt8>) {
        value = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe UInt32(truncatingIfNeeded: crc32(uLong(value), buffer.baseAddress, UInt32(clamping: buffer.count)))
        }
    }
}
