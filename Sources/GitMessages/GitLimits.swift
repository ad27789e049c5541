/// The bounds of everything that comes from a git server (rules R10 and R15 of the design).
package struct GitLimits: Codable, Sendable, Hashable {
    /// Until a connection stands.
    package var connect: Duration = .seconds(10)
    /// Without a byte from the server.
    package var silence: Duration = .seconds(30)
    /// A server that sends less than this within `silence`, once it should be sending, counts as silent.
    package var slowestBytes = 1024
    /// For a whole checkout, its submodules included.
    package var total: Duration = .seconds(3600)
    /// For finding out whether a local folder has uncommitted changes.
    package var dirtyCheck: Duration = .milliseconds(300)

    package var references = 200_000
    package var objects = 1_000_000
    package var objectBytes = 2 << 30
    package var receivedBytes = 10 << 30
    package var files = 200_000
    package var checkoutBytes = 10 << 30
    /// Folders within folders of a checkout.
    package var depth = 256
    package var submodules = 100
    package var submoduleDepth = 8
    /// The most memory the worker may ask for.
    package var memory = 6 << 30

    package init() {}
}
