import Glibc

/// What all local steps together may use: what the file says, and for the rest what this machine has.
func localLimits(_ given: [String: Double], parallel: Int?) -> [String: Double] {
    let processors = Double(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    var limits = [ResourcePool.parallel: processors, "cpu": processors]
    if pages > 0, pageSize > 0 { limits["memory"] = Double(pages) * Double(pageSize) }
    limits[ResourcePool.gpu] = Double(deviceCount())
    limits.merge(given) { _, given in given }
    if let parallel { limits[ResourcePool.parallel] = Double(max(1, parallel)) }
    return limits
}

/// How many NVIDIA devices the kernel shows.
private func deviceCount() -> Int {
    var count = 0
    while count < 64, unsafe access("/dev/nvidia\(count)", F_OK) == 0 { count += 1 }
    return count
}
