import SystemPackage

/// This machine, so that a database that was restored on another one is noticed.
package enum MachineID {
    /// The most bytes of an ID that count.
    private static let longest = 128

    /// The variable `PIECES_MACHINE_ID`, which a container needs whose own ID is new at each start; otherwise the ID
    /// that the system keeps (machine-id(5)). `nil` if it has none.
    package static let current: String? = {
        if let named = ThisProcess.variable("PIECES_MACHINE_ID").flatMap(text) { return named }
        return ["/etc/machine-id", "/var/lib/dbus/machine-id"].lazy.compactMap { KernelFile.read($0).flatMap(text) }
            .first
    }()

    /// The first line, if it is an ID and not a note that there is none yet.
    private static func text(_ bytes: [UInt8]) -> String? {
        let line = bytes.prefix { $0 > 0x20 && $0 < 0x7f }.prefix(longest)
        return line.isEmpty || line.elementsEqual("uninitialized".utf8) ? nil : String(decoding: line, as: UTF8.self)
    }
}
