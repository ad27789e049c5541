import Containers
import Diagnostics
import Glibc
import SystemPackage

/// Where the engine runs its containers, as seen from the runner: what decides about mounts, users and networks.
struct EnginePlace: Sendable, Hashable {
    /// Whether it is this machine, so that its folders can be mounted.
    var isThisMachine: Bool
    /// Why not, for messages.
    var location: String
    /// The engine runs without root's rights: what is root inside is the caller outside.
    var isRootless: Bool
    /// This machine's address on the engine's bridge; nil when there is no bridge.
    var bridgeAddress: String?

    static func find(with client: ContainerClient) async throws -> EnginePlace {
        let host = try await client.engineHost()
        let isThisMachine =
            host.isEmpty || host.hasPrefix("unix://") || host.hasPrefix("npipe://") || host.hasPrefix("fd://")
        if client.flavour == .podman {
            return EnginePlace(
                isThisMachine: isThisMachine, location: host, isRootless: getuid() != 0, bridgeAddress: nil)
        }
        guard isThisMachine else {
            return EnginePlace(isThisMachine: false, location: host, isRootless: false, bridgeAddress: nil)
        }
        // The usual name first: asking the engine costs as much as starting a small program.
        if !host.contains("/run/user/"), let address = interfaceAddress("docker0") {
            return EnginePlace(isThisMachine: true, location: host, isRootless: false, bridgeAddress: address)
        }
        let isRootless = try await client.isRootless()
        var address: String?
        if !isRootless, let name = try await client.bridgeInterface() { address = interfaceAddress(name) }
        return EnginePlace(isThisMachine: true, location: host, isRootless: isRootless, bridgeAddress: address)
    }
}

/// The IPv4 address of a network interface of this machine.
private func interfaceAddress(_ name: String) -> String? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0 else { return nil }
    defer { unsafe freeifaddrs(list) }
    var next = unsafe list
    while let entry = unsafe next {
        unsafe next = entry.pointee.ifa_next
        guard let address = unsafe entry.pointee.ifa_addr, unsafe Int32(address.pointee.sa_family) == AF_INET,
            unsafe String(cString: entry.pointee.ifa_name) == name
        else { continue }
        let numbers = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            unsafe $0.pointee.sin_addr.s_addr
        }
        return unsafe withUnsafeBytes(of: numbers) { unsafe $0.map { "\($0)" }.joined(separator: ".") }
    }
    return nil
}
