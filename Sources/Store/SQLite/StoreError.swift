import CSQLite
import Glibc
import System

/// A failed database operation: what went wrong, in which file, and what helps.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault. It is open, so that a new kind breaks no `switch`.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        /// Another program held the database for longer than ``Connection/busyTimeout``.
        package static let busy = Code("busy")
        package static let full = Code("full")
        package static let io = Code("io")
        package static let readOnly = Code("readOnly")
        package static let corrupt = Code("corrupt")
        package static let notADatabase = Code("notADatabase")
        /// An SQLite database that another program made.
        package static let foreignDatabase = Code("foreignDatabase")
        package static let cantOpen = Code("cantOpen")
        package static let constraint = Code("constraint")
        package static let newerSchema = Code("newerSchema")
        /// The schema is older than this program's, and the connection may not migrate it.
        package static let olderSchema = Code("olderSchema")
        package static let changedMigration = Code("changedMigration")
        /// Another engine runs on this database.
        package static let lockedByOther = Code("lockedByOther")
        package static let notFound = Code("notFound")
        /// The name matches more than one torrent.
        package static let ambiguous = Code("ambiguous")
        /// The torrent is already in the database: ``StoreError/torrent``.
        package static let alreadyPresent = Code("alreadyPresent")
        package static let closed = Code("closed")
        /// An engine overwrote pages that a reader without locks was reading: see ``UnlockedRead``.
        package static let rewritten = Code("rewritten")
        /// The calling task was cancelled.
        package static let cancelled = Code("cancelled")
        package static let other = Code("other")
    }

    package let code: Code
    /// The extended result code (sqlite.org/rescode.html); 0 when the error isn't SQLite's.
    package let sqliteCode: Int32
    /// The system's error for the failed call, if SQLite knows it (sqlite.org/c3ref/system_errno.html); otherwise 0.
    package let systemError: Int32
    /// What happened, as worded by SQLite or this room.
    package let message: String
    /// The beginning of the failed statement.
    package let sql: String?
    /// The database file; empty if the error doesn't concern it.
    package let path: String
    /// The torrent that the error concerns, if any.
    package let torrent: TorrentID?

    /// A fault that this room detected; `message` is a whole sentence that says what to do next.
    package init(_ code: Code, path: String, torrent: TorrentID? = nil, _ message: String) {
        self.code = code
        self.sqliteCode = 0
        self.systemError = 0
        self.message = message
        self.sql = nil
        self.path = path
        self.torrent = torrent
    }

    /// A fault that SQLite reported.
    init(sqlite extendedCode: Int32, system systemError: Int32 = 0, path: String, sql: String? = nil, message: String) {
        let code = Code(sqlite: extendedCode)
        // SQLite recognises a full disk, but reports an exhausted quota as a failing disk.
        self.code = code == .io && systemError == EDQUOT ? .full : code
        self.sqliteCode = extendedCode
        self.systemError = [SQLITE_IOERR, SQLITE_CANTOPEN].contains(extendedCode & 0xff) ? systemError : 0
        self.message = message
        self.sql = sql.map { String($0.prefix(Self.sqlLength)) }
        self.path = path
        self.torrent = nil
    }

    /// What to do about a damaged database.
    static let recoveryAdvice =
        "repair it with `pieces run` or `pieces database salvage`; the damaged file is kept"

    /// What to do about one row with invalid values.
    static let rowAdvice = "`pieces database check` shows what else is wrong"

    /// Characters of a failed statement that are kept.
    private static let sqlLength = 120

    package var description: String {
        // A name that matches no torrent says nothing about the file.
        guard sqliteCode != 0 else { return path.isEmpty ? message : "\(path): \(message)" }
        let statement = sql.map { " in “\($0)”" } ?? ""
        let system = systemError == 0 ? "" : ", \(String(cString: strerror(systemError)))"
        return "\(path): \(summary) (SQLite says “\(message)”\(system), code \(sqliteCode)\(statement)): \(advice)"
    }

    private var summary: String { limit == nil ? code.summary : "a limit of this process was reached" }

    private var advice: String {
        if let limit { return limit.advice }
        if systemError == ENFILE {
            return "close other programs, or raise the system's limit of open files (fs.file-max)"
        }
        if systemError == EDQUOT {
            return "free some of this user's space there, or have the quota raised; nothing that was recorded is lost"
        }
        if sqliteCode & 0xff == SQLITE_NOMEM { return "close other programs, or run fewer torrents" }
        return code.advice
    }

    /// The limit of the process that caused the failure.
    private var limit: ProcessLimit? { ProcessLimit(errno: sqliteCode & 0xff == SQLITE_NOMEM ? ENOMEM : systemError) }

    /// Whether a killed program left an unfinished change that a reader may not roll back (`SQLITE_READONLY_ROLLBACK`,
    /// sqlite.org/rescode.html).
    var isOfRollback: Bool { sqliteCode == 776 }

    /// Whether the process could not open another file, which says nothing about the file itself.
    var isOfOpenFiles: Bool { [EMFILE, ENFILE].contains(systemError) }
}

extension StoreError.Code {
    /// The kind for an extended result code, whose low byte is the primary one.
    fileprivate init(sqlite extendedCode: Int32) {
        switch extendedCode & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
        case SQLITE_FULL: self = .full
        case SQLITE_INTERRUPT: self = .cancelled
        case SQLITE_IOERR: self = .io
        case SQLITE_READONLY, SQLITE_PERM: self = .readOnly
        case SQLITE_CORRUPT: self = .corrupt
        case SQLITE_NOTADB: self = .notADatabase
        case SQLITE_CANTOPEN: self = .cantOpen
        case SQLITE_CONSTRAINT: self = .constraint
        default: self = .other
        }
    }

    fileprivate var summary: String {
        switch self {
        case .busy: "the database is in use by another program"
        case .full: "there is no space left for the database"
        case .io: "the disk failed to read or write the database"
        case .readOnly: "the database cannot be written"
        case .corrupt: "the database is damaged"
        case .notADatabase: "the file is not a database"
        case .cantOpen: "the database cannot be opened"
        case .constraint: "the database rejected a change that breaks its rules"
        default: "the database failed"
        }
    }

    fileprivate var advice: String {
        switch self {
        case .busy: "try again when that program has finished, or stop it"
        case .full: "free some space and try again; nothing that was recorded is lost"
        case .io: "check the disk and the kernel log before you continue"
        case .readOnly: "let this user write the file and its folder"
        case .corrupt: StoreError.recoveryAdvice
        case .notADatabase:
            "give the path of a pieces database; if this was one, `pieces database salvage` recovers what is left; the file was not changed"
        case .cantOpen: "check that the folder exists and that this user can read the file"
        case .constraint: "this is a bug, please report it"
        default: "try again, and report it if it happens again"
        }
    }
}
