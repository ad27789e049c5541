import Glibc
import SystemPackage
import Tracking

/// Opens the file of a store: looks at what it is before anything is changed, and gives an empty one its schema.
struct StoreFile: Sendable {
    let path: FilePath
    let options: SQLiteStore.Options

    /// The connection that writes, to a file that is known to be a store of the right version.
    func openForWriting() throws -> Connection {
        do {
            try checkPlace()
            let connection = try Connection(
                path: path, access: options.createsFile ? .creating : .readWrite, busyTimeout: options.busyTimeout,
                fileSystem: options.fileSystem)
            try configure(connection)
            // Four times the default: the same few pages change again and again, and each checkpoint writes them to the file.
            try connection.execute("PRAGMA wal_autocheckpoint = 4000")
            if try !isStore(connection) { try create(on: connection) }
            if connection.isReadOnly { throw StoreFileError(path: path, reason: .readOnly) }
            if try !connection.exists("SELECT 1 FROM experiments LIMIT 1") { try addDefaultExperiment(on: connection) }
            try useWriteAheadLog(connection)
            return connection
        } catch let failure as SQLiteFailure {
            throw explained(failure)
        }
    }

    /// A connection that reads; the writer has looked at the file already.
    func openForReading() throws -> Connection {
        do {
            let connection = try Connection(
                path: path, access: .readWrite, busyTimeout: options.busyTimeout, fileSystem: options.fileSystem)
            try configure(connection)
            try connection.execute("PRAGMA query_only = ON")
            return connection
        } catch {
            throw explained(error)
        }
    }

    /// A connection for looking at a file of any version, which it never changes.
    ///
    /// - Throws: `StoreFileError` for what is no store.
    func openForInspection() throws -> Connection {
        try checkPlace()
        let connection = try openForReading()
        do {
            guard try connection.exists("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'") else {
                throw StoreFileError(path: path, reason: .notAStore)
            }
        } catch let failure as SQLiteFailure {
            throw explained(failure)
        }
        return connection
    }

    private func configure(_ connection: Connection) throws(SQLiteFailure) {
        let synchronous = options.durability == .full ? "FULL" : "NORMAL"
        try connection.execute(
            """
            PRAGMA synchronous = \(synchronous); PRAGMA foreign_keys = ON; PRAGMA case_sensitive_like = ON;
            PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16000
            """)
    }

    // MARK: Looking

    private func checkPlace() throws {
        var status = stat()
        if unsafe path.withPlatformString({ unsafe stat($0, &status) }) == 0 {
            if status.st_mode & S_IFMT == S_IFDIR { throw StoreFileError(path: path, reason: .isFolder) }
            return
        }
        guard errno == ENOENT else { return }
        let folder = path.removingLastComponent()
        if !folder.isEmpty, unsafe folder.withPlatformString({ unsafe stat($0, &status) }) != 0 {
            throw StoreFileError(path: path, reason: .noFolder)
        }
        if !options.createsFile { throw StoreFileError(path: path, reason: .missing) }
    }

    /// Whether the file is a store of our version; false for a file with nothing in it.
    private func isStore(_ connection: Connection) throws -> Bool {
        let hasVersion = try connection.exists(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
        guard hasVersion else {
            if try connection.exists("SELECT 1 FROM sqlite_master LIMIT 1") {
                throw StoreFileError(path: path, reason: .notAStore)
            }
            return false
        }
        let versions = try connection.all("SELECT version_num FROM alembic_version") { $0.text(0) }
        guard versions == [Schema.revision] else {
            throw StoreFileError(path: path, reason: .otherSchema(versions.first))
        }
        return true
    }

    // MARK: Changing

    /// Creates everything in one exclusive transaction; of several processes that start together one does it.
    private func create(on connection: Connection) throws {
        try connection.run("BEGIN EXCLUSIVE")
        do {
            if try !isStore(connection) {
                try connection.execute(Schema.tables)
                try connection.execute(Schema.indexesAndTriggers)
                try connection.run("INSERT INTO alembic_version (version_num) VALUES (?)", .text(Schema.revision))
                try connection.run(
                    """
                    INSERT INTO workspaces (name, description)
                    VALUES ('default', 'Default workspace for legacy resources')
                    """)
                try insertDefaultExperiment(on: connection)
            }
            try connection.run("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.run("ROLLBACK") }
            throw error
        }
    }

    private func addDefaultExperiment(on connection: Connection) throws {
        try connection.run("BEGIN IMMEDIATE")
        do {
            if try !connection.exists("SELECT 1 FROM experiments LIMIT 1") {
                try insertDefaultExperiment(on: connection)
            }
            try connection.run("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.run("ROLLBACK") }
            throw error
        }
    }

    private func insertDefaultExperiment(on connection: Connection) throws(SQLiteFailure) {
        let now = options.now()
        try connection.run(
            """
            INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,
                last_update_time, workspace)
            VALUES (0, ?, ?, 'active', ?, ?, 'default')
            """, .text(Experiment.defaultName),
            .text(appendedLocation(options.artifactRoot, Experiment.defaultID)), .integer(now), .integer(now))
    }

    /// Switches the file to a write-ahead log; the setting stays with the file.
    ///
    /// That needs the file for a moment alone. When another process keeps holding it the old journal serves as well, and a
    /// later start switches.
    private func useWriteAheadLog(_ connection: Connection) throws {
        var mode = try connection.first("PRAGMA journal_mode") { $0.text(0) }
        if mode != "wal" {
            do {
                mode = try connection.first("PRAGMA journal_mode = WAL") { $0.text(0) }
            } catch let failure as SQLiteFailure where failure.isBusy {
                return
            }
        }
        connection.usesWriteAheadLog = mode == "wal"
    }

    func explained(_ failure: SQLiteFailure) -> StoreFileError {
        let reason: StoreFileError.Reason =
            if failure.isNotADatabase {
                .notADatabase
            } else if failure.isDamaged {
                .damaged(failure.message)
            } else if failure.isBusy {
                .busy
            } else if failure.isDiskFull {
                .diskFull
            } else if failure.isReadOnly {
                .readOnly
            } else if failure.isCannotOpen {
                .cannotOpen(
                    failure.systemError == 0 ? failure.message : Errno(rawValue: failure.systemError).description)
            } else {
                .failed(failure.message)
            }
        return StoreFileError(path: path, reason: reason)
    }
}

/// The wall clock.
@Sendable
func currentMilliseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
