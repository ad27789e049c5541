package import NIOCore

/// Bytes that arrive piece by piece, from the network, a file or memory; read once, with back-pressure.
package struct ByteStream: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let produce: () async throws -> ByteBuffer?

        package mutating func next() async throws -> ByteBuffer? { try await produce() }
    }

    private let makeProducer: @Sendable () -> () async throws -> ByteBuffer?

    /// Asks `makeProducer` for a function that returns the next piece, and `nil` at the end.
    package init(_ makeProducer: @escaping @Sendable () -> () async throws -> ByteBuffer?) {
        self.makeProducer = makeProducer
    }

    package init<Source: AsyncSequence & Sendable>(_ source: Source) where Source.Element == ByteBuffer {
        makeProducer = {
            var iterator = source.makeAsyncIterator()
            return { try await iterator.next(isolation: #isolation) }
        }
    }

    package init(_ bytes: ByteBuffer) {
        makeProducer = {
            var rest: ByteBuffer? = bytes
            return {
                defer { rest = nil }
                return rest
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(produce: makeProducer()) }

    /// The same bytes; whatever error ends them is replaced.
    func explainingErrors(_ explain: @escaping @Sendable (any Error) -> any Error) -> ByteStream {
        let makeProducer = makeProducer
        return ByteStream {
            let produce = makeProducer()
            return {
                do { return try await produce() } catch { throw explain(error) }
            }
        }
    }

    /// Only the bytes of a part; reading ends with it.
    func part(_ range: Range<Int64>) -> ByteStream {
        let makeProducer = makeProducer
        return ByteStream {
            let produce = makeProducer()
            var position: Int64 = 0
            return {
                while position < range.upperBound, var buffer = try await produce() {
                    let start = position
                    position += Int64(buffer.readableBytes)
                    let wanted = (start..<position).clamped(to: range)
                    guard !wanted.isEmpty else { continue }
                    buffer.moveReaderIndex(forwardBy: Int(wanted.lowerBound - start))
                    return buffer.readSlice(length: wanted.count)
                }
                return nil
            }
        }
    }
}
