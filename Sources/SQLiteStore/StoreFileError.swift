package import Diagnostics
package import SystemPackage

/// Why the file of a store cannot be used; the file has not been changed.
package struct StoreFileError: ExplainedError, Hashable {
    package enum Reason: Sendable, Hashable {
        case noFolder
        case missing
        /// It was to be created, and is there.
        case exists
        case isFolder
        case cannotOpen(String)
        case readOnly
        case notADatabase
        case damaged(String)
        /// An SQLite database of something else.
        case notAStore
        /// A store of another MLflow version; its schema revision, if it says one.
        case otherSchema(String?)
        /// Another process holds it, and went on holding it.
        case busy
        case diskFull
        case failed(String)
    }

    package let path: FilePath
    package let reason: Reason

    package init(path: FilePath, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    package var diagnostics: [Diagnostic] {
        [Diagnostic(.error, code: "store", "store '\(path)' \(what)", remedy: remedy)]
    }

    private var what: String {
        switch reason {
        case .noFolder: "cannot be created: its folder '\(path.removingLastComponent())' does not exist"
        case .missing: "does not exist"
        case .exists: "exists already"
        case .isFolder: "is a folder, not a database file"
        case .cannotOpen(let why): "cannot be opened: \(why)"
        case .readOnly: "is read-only"
        case .notADatabase: "is not an SQLite database"
        case .damaged(let why): "is damaged: \(why)"
        case .notAStore: "is an SQLite database, but not a store of MLflow's"
        case .otherSchema(let version?):
            "has the schema '\(version)' of another MLflow version (expected '\(Schema.revision)', MLflow 3.17)"
        case .otherSchema(nil): "has a schema without a version (expected '\(Schema.revision)', MLflow 3.17)"
        case .busy: "is locked by another process"
        case .diskFull: "cannot be written: no space is left"
        case .failed(let why): "failed: \(why)"
        }
    }

    private var remedy: String? {
        switch reason {
        case .noFolder: "create the folder, or choose another place"
        case .missing: nil
        case .exists: "choose another name; it has not been changed"
        case .isFolder: "name a file in it, such as 'sqlite:///\(path)/mlflow.db'"
        case .cannotOpen: "check the permissions of the file and of its folder"
        case .readOnly: "make the file and its folder writable, or choose another place"
        case .notADatabase, .notAStore: "choose another file; this one has not been changed"
        case .damaged: "restore it from a backup; the file has not been changed"
        case .otherSchema:
            "record through a server of that MLflow version (MLFLOW_TRACKING_URI=http://…), or bring a copy of the file to "
                + "the expected version with 'mlflow db upgrade' of MLflow 3.17; the file has not been changed"
        case .busy: "wait for the other process, or end it"
        case .diskFull: "make space, then try again; nothing needs repair"
        case .failed: nil
        }
    }
}
