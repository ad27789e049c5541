// Fetching projects from git: what a location and a version may look like (`GitLocation`, `GitVersion`), the cache of mirrors and
// checkouts (`GitCache`), logging in (`GitLoginSource`), and what repository a local folder belongs to (`gitSource`).
//
// This module is pure Swift and part of the main program. Whatever touches git's own data is done by the worker `swiftflow-git`
// (module GitRepository), which it starts as a child process and talks to in `GitMessages`.
@_exported public import GitMessages
