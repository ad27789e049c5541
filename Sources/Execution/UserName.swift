import Glibc

/// The login name MLflow records: `LOGNAME`, `USER`, `LNAME` or `USERNAME`, else what the password database says.
package func userName(in environment: [String: String]) -> String {
    for variable in ["LOGNAME", "USER", "LNAME", "USERNAME"] {
        if let name = environment[variable], !name.isEmpty { return name }
    }
    return registeredName
}

/// Reading the password database takes longer than all else that a run needs to know, and a process does not change its user.
private let registeredName: String = {
    guard let entry = unsafe getpwuid(getuid()), let name = unsafe entry.pointee.pw_name else { return "\(getuid())" }
    return unsafe String(cString: name)
}()

/// Milliseconds since 1970, for display and for the store; durations come from the monotonic clock.
package func currentTimeMilliseconds() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
