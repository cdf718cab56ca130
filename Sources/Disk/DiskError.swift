import Glibc
import System
package import SystemPackage

/// A failed operation on the machine's files: which operation and path, why, and what helps.
package struct DiskError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure, as far as it decides what to do next. More kinds may be added.
    package struct Code: Hashable, Sendable {
        private enum Kind {
            case noSpace, readOnly, permission, notFound, rootMissing, rootUnreadable, wrongVolume, notADirectory,
                isADirectory, notRegular,
                symbolicLink, unsafeName
            case nameRefused, io, tooManyFiles, tooLarge, fileSizeLimit, outOfMemory, shortFile, sizeMismatch, notOurs,
                ownedByOther, differs
            case replaced, busy, cancelled, other
            case exists, changed, sameFolder, protected, volumeAway
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// The disk or the quota is full (`ENOSPC`, `EDQUOT`).
        package static let noSpace = Code(.noSpace)
        package static let readOnly = Code(.readOnly)
        package static let permission = Code(.permission)
        /// A file below an existing output folder does not exist.
        package static let notFound = Code(.notFound)
        /// The output folder itself does not exist: the torrent is offline, not empty.
        package static let rootMissing = Code(.rootMissing)
        /// The output folder can't be opened: the torrent is offline, not empty.
        package static let rootUnreadable = Code(.rootUnreadable)
        /// The output folder is on another device than before: the torrent is offline, not empty.
        package static let wrongVolume = Code(.wrongVolume)
        package static let notADirectory = Code(.notADirectory)
        package static let isADirectory = Code(.isADirectory)
        /// A device, socket or pipe stands where a file belongs.
        package static let notRegular = Code(.notRegular)
        package static let symbolicLink = Code(.symbolicLink)
        /// A path component that is empty, `.` or `..`, or contains a slash or a zero byte.
        package static let unsafeName = Code(.unsafeName)
        /// The file system doesn't accept the name: it is too long, or has characters that are not allowed.
        package static let nameRefused = Code(.nameRefused)
        /// The device failed (`EIO`).
        package static let io = Code(.io)
        package static let tooManyFiles = Code(.tooManyFiles)
        /// The file system doesn't support files of this size.
        package static let tooLarge = Code(.tooLarge)
        /// The process may not write files of this size (`ulimit -f`).
        package static let fileSizeLimit = Code(.fileSizeLimit)
        package static let outOfMemory = Code(.outOfMemory)
        /// The file ends before the requested bytes.
        package static let shortFile = Code(.shortFile)
        /// The file is longer than the torrent says. It isn't truncated.
        package static let sizeMismatch = Code(.sizeMismatch)
        /// The file existed before, and nothing shows that it belongs to the torrent: it is the user's.
        package static let notOurs = Code(.notOurs)
        /// Another file entry, of this torrent or of another one, already writes to the same file.
        package static let ownedByOther = Code(.ownedByOther)
        /// The file is written by another torrent, and its bytes differ from those that this torrent needs.
        package static let differs = Code(.differs)
        /// The file at the path is no longer the one that was written.
        package static let replaced = Code(.replaced)
        /// Too many operations already wait for the disk.
        /// The name that a file is to get is taken.
        package static let exists = Code(.exists)
        /// Another program changed the file during the operation.
        package static let changed = Code(.changed)
        /// The old and the new folder are the same.
        package static let sameFolder = Code(.sameFolder)
        /// The folder belongs on a volume that isn't mounted: the torrent is offline.
        package static let volumeAway = Code(.volumeAway)
        /// The user made the torrent read-only.
        package static let protected = Code(.protected)
        package static let busy = Code(.busy)
        package static let cancelled = Code(.cancelled)
        package static let other = Code(.other)

        /// Whether the whole output folder is unreachable, which says nothing about the bytes in it.
        package var isOffline: Bool {
            self == .rootMissing || self == .rootUnreadable || self == .wrongVolume || self == .volumeAway
        }

        /// Whether the torrent may not write to the file because it isn't its own. The user has to resolve this.
        package var isOfOwnership: Bool { self == .notOurs || self == .ownedByOther || self == .differs }

        init(errno: Errno, _ operation: Operation, reaching end: Int64? = nil) {
            switch errno {
            case .fileNameTooLong, .illegalByteSequence, .invalidArgument:
                self =
                    switch operation {
                    case .create, .makeFolder: .nameRefused
                    // Nothing can exist under a name that the file system doesn't accept.
                    case .open, .inspect, .remove: .notFound
                    default: .other
                    }
            case Errno(rawValue: ENOSPC), Errno(rawValue: EDQUOT): self = .noSpace
            case .readOnlyFileSystem: self = .readOnly
            case .permissionDenied, .notPermitted: self = .permission
            case .noSuchFileOrDirectory: self = .notFound
            case .notDirectory: self = .notADirectory
            case .isDirectory: self = .isADirectory
            case .tooManySymbolicLinkLevels, .improperLink: self = .symbolicLink
            case .ioError: self = .io
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem: self = .tooManyFiles
            case .fileTooLarge: self = ProcessLimit(errno: EFBIG, reaching: end) == nil ? .tooLarge : .fileSizeLimit
            case .noMemory: self = .outOfMemory
            default: self = .other
            }
        }

        fileprivate var advice: String {
            switch kind {
            case .noSpace: "free some space there; pieces resumes automatically"
            case .readOnly: "mount that file system writable; pieces resumes automatically"
            case .permission: "give this user access to it; pieces resumes automatically"
            case .notFound: "verify the torrent with `pieces verify`; missing pieces are then downloaded again"
            case .rootMissing: "mount its disk or put the folder back; nothing is lost until then"
            case .rootUnreadable: "make the folder readable again or repair its disk; nothing is lost until then"
            case .wrongVolume: "mount the disk that the torrent was on; nothing is lost until then"
            case .notADirectory, .isADirectory, .notRegular: "move what is there out of the way"
            case .nameRefused:
                "use an output folder on another file system, or leave the file out (`--select`, `pieces select`)"
            case .symbolicLink: "links below the output folder aren't followed: replace it with what it points to"
            case .unsafeName: "pieces refuses such names; ask for a .torrent without them"
            case .io: "check the disk, then verify the torrent with `pieces verify`"
            case .tooManyFiles: ProcessLimit.openFiles.advice
            case .tooLarge:
                "use a file system that can hold files of this size, or leave the file out (`--select`, `pieces select`)"
            case .fileSizeLimit: ProcessLimit.fileSize.advice
            case .outOfMemory: ProcessLimit(errno: ENOMEM)?.advice ?? "run fewer torrents or other programs"
            case .shortFile: "verify the torrent with `pieces verify`; missing pieces are then downloaded again"
            case .sizeMismatch: "pieces doesn't truncate it: move it away or choose another output folder"
            case .notOurs: "move it away, choose another output folder, or allow it to be overwritten with --overwrite"
            case .ownedByOther, .differs: "choose another output folder for one of the two"
            case .replaced: "verify the torrent with `pieces verify`"
            case .exists: "move it away or choose another folder"
            case .changed: "close the program that writes to it, or verify the torrent with `pieces verify`"
            case .sameFolder: "choose another folder"
            case .volumeAway: "mount it, or choose another folder; `pieces volumes` lists the volumes"
            case .protected: "`pieces limit TORRENT --read-only off` lets pieces write to it"
            case .busy: "try again later"
            case .cancelled: "start it again if needed"
            case .other: "check the file and its disk; pieces retries automatically"
            }
        }
    }

    /// The operation that failed. The raw value is the verb of the message.
    package enum Operation: String, Sendable {
        case open, create, read, write, sync, close, inspect, allocate, remove, hash, move
        case makeFolder = "make the folder"
        case startThread = "start a thread for"
    }

    package let code: Code
    /// The system's error; `nil` when no call failed.
    package let errno: Errno?
    package let operation: Operation
    /// The file or folder.
    package let path: String

    package init(_ code: Code, _ operation: Operation, _ path: String, errno: Errno? = nil) {
        self.code = code
        self.errno = errno
        self.operation = operation
        self.path = path
    }

    /// `reaching` is the offset at which a write was to end, or the length that a file was to have.
    package init(_ errno: Errno, _ operation: Operation, _ path: String, reaching end: Int64? = nil) {
        self.init(Code(errno: errno, operation, reaching: end), operation, path, errno: errno)
    }

    package var description: String { "\(fact); \(advice)" }

    /// What happened, without advice.
    package var fact: String { "cannot \(operation.rawValue) \(path): \(reason)" }

    private var advice: String {
        switch errno {
        case Errno(rawValue: EDQUOT)?:
            "free some of this user's space there or have the quota raised; pieces resumes automatically"
        case .tooManyOpenFilesInSystem?: "close other programs, or raise the system limit (fs.file-max)"
        case .resourceTemporarilyUnavailable? where operation == .startThread: ProcessLimit.processes.advice
        default: code.advice
        }
    }

    private var reason: String {
        switch code {
        case .rootMissing: "the output folder does not exist"
        case .wrongVolume: "the output folder is on a different disk than before"
        case .protected: "the torrent is read-only"
        case .volumeAway: "the volume on which it belongs is not mounted"
        case .notRegular: "it is not a regular file"
        case .nameRefused: "the file system there does not allow this name (\(errno?.description ?? "it was refused"))"
        case .unsafeName: "a name in it could leave the output folder"
        case .shortFile: "it is shorter than recorded"
        case .sizeMismatch: "it is longer than the torrent says"
        case .notOurs: "the file existed before, and no piece of the torrent matches it"
        case .ownedByOther: "it is the same file as another one that is being written"
        case .differs: "another torrent writes different content to this file"
        case .replaced: "it was removed or replaced while it was written"
        case .exists: "a file of this name exists, and it isn't the torrent's"
        case .changed: "it was changed by another program"
        case .sameFolder: "the old and the new folder are the same"
        case .busy: "the disk is overloaded"
        case .cancelled: "it was cancelled"
        default: errno?.description ?? "unknown reason"
        }
    }
}
