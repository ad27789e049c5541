/// The pages of a listing, one request each, as they are asked for: memory does not grow with the listing.
package struct Pages<Element: Sendable>: AsyncSequence {
    private let fetch: (_ token: String?) async throws -> Page<Element>

    /// - Parameter fetch: asks for the page of a token, or for the first one.
    package init(_ fetch: @escaping (_ token: String?) async throws -> Page<Element>) {
        self.fetch = fetch
    }

    /// The elements of all pages in one list, for listings that are known to be short.
    package func elements() async throws -> [Element] {
        var found: [Element] = []
        for try await page in self { found += page }
        return found
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(fetch: fetch) }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let fetch: (_ token: String?) async throws -> Page<Element>
        private var token: String?
        private var isAtEnd = false

        fileprivate init(fetch: @escaping (_ token: String?) async throws -> Page<Element>) {
            self.fetch = fetch
        }

        /// The elements of the next page, which may be none.
        package mutating func next() async throws -> [Element]? {
            guard !isAtEnd else { return nil }
            let page = try await fetch(token)
            token = page.nextPageToken
            isAtEnd = token == nil
            return page.elements
        }
    }
}

extension TrackingStore {
    /// All experiments of the store.
    package func allExperiments(_ view: ViewType) async throws -> [Experiment] {
        try await Pages { try await searchExperiments(ExperimentSearch(viewType: view, pageToken: $0)) }.elements()
    }
}
