import GitRepository
import Glibc

// `swiftflow-git`: started by `swiftflow` when it meets a git repository; reads one request from standard input.
exit(runWorker())
