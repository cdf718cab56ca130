import Foundation
import SystemPackage
import TestSupport
import Testing

/// The library `FaultShim`, as tests load it into the program.
enum Shim {
    /// Beside the test bundle, where the build puts it.
    static var library: FilePath {
        get throws {
            let path = FilePath(try Pieces.program.path).removingLastComponent().appending("libFaultShim.so")
            try #require(Files.exists(path), "build the product `FaultShim` first: \(path) is not there")
            return path
        }
    }

    /// What loads it into the program, with its rules.
    static func environment(
        for pieces: Pieces, _ faults: [Fault] = [], counts: FilePath? = nil, clockOffset: Duration = .zero
    ) throws -> [String:
        String]
    {
        var environment = [
            "LD_PRELOAD": try library.string, "PIECES_FAULT_DATABASE": pieces.database.string,
            "PIECES_FAULT_OUTPUT": pieces.output.string,
        ]
        if !faults.isEmpty { environment["PIECES_FAULT"] = faults.map(\.description).joined(separator: "|") }
        if let counts { environment["PIECES_FAULT_COUNTS"] = counts.string }
        if clockOffset != .zero { environment["PIECES_CLOCK_OFFSET"] = "\(clockOffset.components.seconds)" }
        return environment
    }

    /// A call and whose file it was about.
    struct Site: Hashable, Sendable, Comparable, CustomStringConvertible {
        let call: String
        let place: String

        var description: String { "\(call)@\(place)" }

        /// Whether the disk differs after it.
        var changes: Bool { !["pread", "close", "fstat", "lock", "freespace"].contains(call) }

        static func < (a: Site, b: Site) -> Bool { (a.call, a.place) < (b.call, b.place) }
    }

    /// Bytes of a record of the file of counts, and of the name in it.
    private static let recordLength = 32
    private static let nameLength = 24

    /// How often each call came.
    static func counts(_ file: FilePath) throws -> [Site: Int] {
        let bytes = try Files.read(file)
        var counts: [Site: Int] = [:]
        for start in stride(from: 0, to: bytes.count, by: recordLength) {
            let name = String(decoding: bytes[start..<start + nameLength].prefix { $0 != 0 }, as: UTF8.self).split(
                separator: "@")
            let count = bytes[start + nameLength..<start + recordLength].reversed().reduce(0) { $0 << 8 | Int($1) }
            if name.count == 2, count > 0 { counts[Site(call: String(name[0]), place: String(name[1]))] = count }
        }
        return counts
    }
}
