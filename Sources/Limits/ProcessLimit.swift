import Glibc

/// A limit of the process (getrlimit(2)), which shells and service managers set.
package enum ProcessLimit: Hashable, Sendable, CaseIterable {
    case openFiles, fileSize, memory, data, processes

    /// The limit that made a system call fail; `nil` where the error has another cause.
    ///
    /// `reaching` is where a write to a file was to end, as far as that is known: a file may also be too large for its
    /// file system.
    package init?(errno: Int32, reaching end: Int64? = nil) {
        let limit: ProcessLimit
        switch errno {
        case EMFILE: limit = .openFiles
        case EFBIG: limit = .fileSize
        case ENOMEM: limit = ProcessLimit.memory.value == nil ? .data : .memory
        default: return nil
        }
        guard let value = limit.value else { return nil }
        if limit == .fileSize, let end, UInt64(max(0, end)) <= value { return nil }
        self = limit
    }

    /// What the limit is set to now; `nil` where there is none.
    package var value: UInt64? {
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur != rlim_t.max else { return nil }
        return UInt64(limits.rlim_cur)
    }

    /// What the limit allows and how it is raised, in one clause.
    package var advice: String {
        let value = value.map { "\($0)" } ?? "an unknown number of"
        return switch self {
        case .openFiles:
            "this process may have \(value) files and sockets open: raise the limit (`ulimit -n 4096`, or LimitNOFILE= of a service)"
        case .fileSize:
            "this process may write files of up to \(value) bytes: raise the limit (`ulimit -f unlimited`, or LimitFSIZE= of a service)"
        case .memory:
            "this process may use \(value) bytes of memory: raise the limit (`ulimit -v unlimited`, or LimitAS= of a service), or run fewer torrents"
        case .data:
            "this process may use \(value) bytes of data: raise the limit (`ulimit -d unlimited`, or LimitDATA= of a service), or run fewer torrents"
        case .processes:
            "this user may have \(value) processes and threads: raise the limit (`ulimit -u 4096`, or TasksMax= of a service), or close other programs"
        }
    }

    /// Allows the process as many open files as it may allow itself: the usual limit is for programs that wait with
    /// select(2).
    package static func raiseOpenFiles() {
        var limits = rlimit()
        let resource = ProcessLimit.openFiles.resource
        guard getrlimit(resource, &limits) == 0, limits.rlim_cur < min(limits.rlim_max, enoughFiles) else { return }
        limits.rlim_cur = min(limits.rlim_max, enoughFiles)
        // It goes on with the limit that it has.
        _ = setrlimit(resource, &limits)
    }

    /// More than an engine ever has open.
    private static let enoughFiles = rlim_t(65536)

    private var resource: __rlimit_resource_t {
        switch self {
        case .openFiles: __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        case .fileSize: __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        case .memory: __rlimit_resource_t(RLIMIT_AS.rawValue)
        case .data: __rlimit_resource_t(RLIMIT_DATA.rawValue)
        case .processes: __rlimit_resource_t(__RLIMIT_NPROC.rawValue)
        }
    }
}
