import Glibc

/// Facts about this process.
package enum ThisProcess {
    package static var id: Int32 { getpid() }
    /// Whether the process may do what root may.
    package static var isRoot: Bool { geteuid() == 0 }

    /// The bytes of a variable of the environment; `nil` if it isn't set.
    package static func variable(_ name: String) -> [UInt8]? {
        getenv(name).map { value in
            UnsafeRawBufferPointer(start: value, count: strlen(value)).map { $0 }
        }
    }
}
