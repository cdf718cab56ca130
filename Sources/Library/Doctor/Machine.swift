import Glibc

/// Facts about this machine.
enum Machine {
    static var kernel: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "of unknown version" }
        return withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The maximum number of files and sockets that an engine can have open. An engine raises its own limit to this
    /// maximum.
    static var descriptorLimit: UInt {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return UInt(limit.rlim_max)
    }
}
