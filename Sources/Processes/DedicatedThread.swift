import CLinux
import Glibc

private final class ThreadBody {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }
}

/// Runs `body` on a thread of its own, for work that blocks: the cooperative pool must never wait for a system call.
///
/// Signals are left to the other threads. The thread ends with `body`; nobody joins it.
///
/// - Returns: whether there is such a thread now; the system may have reached its limit.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    unsafe pthread_attr_setstacksize(&attributes, 512 << 10)

    // The thread inherits the mask of its creator.
    var all = sigset_t()
    var previous = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &previous)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }

    // Taken back by the thread; or here, if there is none.
    let box = unsafe Unmanaged.passRetained(ThreadBody(name: name, run: body))
    var thread = pthread_t()
    let result = unsafe pthread_create(
        &thread, &attributes,
        { pointer in
            guard let pointer = unsafe pointer else { return nil }
            let body = unsafe Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue()
            unsafe swiftflow_name_thread(body.name)
            body.run()
            return nil
        }, box.toOpaque())
    guard result == 0 else {
        unsafe box.release()
        return false
    }
    return true
}
