import Files
import Glibc
import SystemPackage

/// What this process uses of the machine.
struct ProcessFigures: Sendable {
    var residentBytes: Int
    var cpuSeconds: Double

    static func current() -> ProcessFigures {
        ProcessFigures(residentBytes: residentPages() * Int(sysconf(Int32(_SC_PAGESIZE))), cpuSeconds: cpuSeconds())
    }

    /// The second number of `/proc/self/statm`.
    private static func residentPages() -> Int {
        guard let bytes = try? readFile(FilePath("/proc/self/statm"), limit: 4096) else { return 0 }
        let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return numbers.dropFirst().first.flatMap { Int($0) } ?? 0
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
    }
}
