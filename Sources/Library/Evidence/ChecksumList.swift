import System
import SystemPackage
package import Torrent

/// A list of checksums that a publisher or another program has made: the forms of coreutils, of BSD, of BagIt and of
/// hashdeep.
package struct ChecksumList: Sendable {
    package struct Entry: Sendable, Hashable {
        package let hash: ContentHash
        package let digest: [UInt8]
        /// As the list has it; empty in a list of one digest without a name.
        package let path: String
    }

    /// The largest list that is read.
    package static let maximumBytes = 256 << 20
    /// The digits of digests that pieces doesn't compute, by their hash.
    private static let others = [56: "SHA-224", 96: "SHA-384", 128: "SHA-512"]

    package private(set) var entries: [Entry] = []
    /// Lines that are neither checksums nor comments.
    package private(set) var unreadLines = 0
    /// A hash that pieces doesn't compute, if the list has one.
    package private(set) var otherHash: String?

    /// The columns of a list of hashdeep; `nil` for other lists.
    private var columns: [String]?

    /// Throws if no line is a checksum that can be compared.
    package init(_ bytes: [UInt8], named name: String) throws(Failure) {
        var rest = bytes[...]
        // A byte order mark of an editor.
        if rest.starts(with: [0xef, 0xbb, 0xbf]) { rest = rest.dropFirst(3) }
        for line in rest.split(separator: UInt8(ascii: "\n")) {
            read(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
        guard entries.isEmpty else { return }
        if let otherHash {
            throw .usage(
                "\(name.printable) has \(otherHash) checksums, which can't be compared: give a list of MD5, SHA-1 or SHA-256"
            )
        }
        throw .usage("no line of \(name.printable) is an MD5, SHA-1 or SHA-256 checksum")
    }

    /// Reads the list from a file or a pipe. Throws if it can't be read, is larger than ``maximumBytes``, or has no
    /// checksum that can be compared.
    package init(readFrom path: String) throws {
        let advice = "give the list of checksums"
        let bytes: [UInt8]
        do {
            let file = try FileDescriptor.open(FilePath(text: path), .readOnly, options: .closeOnExec)
            bytes = try file.closeAfter {
                guard try PathStatus(of: file).kind != .folder else {
                    throw Failure("\(path.printable) is a folder: \(advice)")
                }
                return try Self.contents(of: file, named: path)
            }
        } catch let error as Errno {
            throw Failure("cannot read \(path.printable): \(error): \(advice)")
        }
        try self.init(bytes, named: path)
    }

    /// The bytes up to the end, which a pipe doesn't announce.
    private static func contents(of file: FileDescriptor, named path: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try part.withUnsafeMutableBytes { try file.read(into: $0) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= maximumBytes else {
                throw Failure(
                    "\(path.printable) is larger than \(Format.bytes(Int64(maximumBytes))): give the list of checksums")
            }
            bytes += part.prefix(count)
        }
    }

    private mutating func read(_ line: ArraySlice<UInt8>) {
        let line = line.drop { $0 == 0x20 || $0 == 0x09 }
        guard let first = line.first else { return }
        if line.starts(with: "%%%%".utf8) {
            let text = String(decoding: line.dropFirst(4), as: UTF8.self)
            let names = text.split(separator: ",").map { $0.filter { $0 != " " } }
            if names.last == "filename" { columns = names }
            return
        }
        if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") { return }
        if let columns { return readColumns(line, columns) }
        if readTagged(line) || readPlain(line) { return }
        unreadLines += 1
    }

    /// `size,md5,sha256,filename`; the name may have commas.
    private mutating func readColumns(_ line: ArraySlice<UInt8>, _ columns: [String]) {
        let fields = line.split(
            separator: UInt8(ascii: ","), maxSplits: columns.count - 1, omittingEmptySubsequences: false)
        guard fields.count == columns.count else {
            unreadLines += 1
            return
        }
        let known = columns.indices.filter { ContentHash(rawValue: columns[$0]) != nil }
        // The strongest of the hashes is enough.
        guard let column = known.max(by: { fields[$0].count < fields[$1].count }),
            add(fields[column], name: fields[columns.count - 1], isEscaped: false)
        else {
            unreadLines += 1
            return
        }
    }

    /// `SHA256 (name) = digest`
    private mutating func readTagged(_ line: ArraySlice<UInt8>) -> Bool {
        let isEscaped = line.first == UInt8(ascii: "\\")
        let line = isEscaped ? line.dropFirst() : line
        guard let open = line.firstIndex(of: UInt8(ascii: "(")),
            let close = line.lastIndex(of: UInt8(ascii: ")")), open < close
        else { return false }
        let tag = line[..<open].filter { $0 != 0x20 && $0 != UInt8(ascii: "-") }.map { $0 | 0x20 }
        guard ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"].contains(String(decoding: tag, as: UTF8.self)),
            line[(close + 1)...].drop(while: { $0 == 0x20 }).first == UInt8(ascii: "=")
        else { return false }
        let digest = line[(close + 1)...].drop { $0 == 0x20 || $0 == UInt8(ascii: "=") }
        return add(digest, name: line[(open + 1)..<close], isEscaped: isEscaped)
    }

    /// `digest  name`, or `digest *name`, or a digest alone.
    private mutating func readPlain(_ line: ArraySlice<UInt8>) -> Bool {
        let isEscaped = line.first == UInt8(ascii: "\\")
        let line = isEscaped ? line.dropFirst() : line
        let digest = line.prefix { $0 != 0x20 && $0 != 0x09 }
        var name = line.dropFirst(digest.count).drop { $0 == 0x20 || $0 == 0x09 }
        if name.first == UInt8(ascii: "*") { name = name.dropFirst() }
        return add(digest, name: name, isEscaped: isEscaped)
    }

    private mutating func add(_ digits: ArraySlice<UInt8>, name: ArraySlice<UInt8>, isEscaped: Bool) -> Bool {
        guard let digest = Hex.decode(String(decoding: digits, as: UTF8.self)) else { return false }
        guard let hash = ContentHash(hexDigits: digits.count) else {
            guard let other = Self.others[digits.count] else { return false }
            otherHash = other
            return true
        }
        let bytes = isEscaped ? Self.unescaped(name) : Array(name)
        entries.append(Entry(hash: hash, digest: digest, path: PathText.text(bytes)))
        return true
    }

    private static func unescaped(_ name: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var isAfterBackslash = false
        for byte in name {
            switch (isAfterBackslash, byte) {
            case (false, UInt8(ascii: "\\")):
                isAfterBackslash = true
                continue
            case (true, UInt8(ascii: "n")): bytes.append(UInt8(ascii: "\n"))
            case (true, UInt8(ascii: "r")): bytes.append(UInt8(ascii: "\r"))
            default: bytes.append(byte)
            }
            isAfterBackslash = false
        }
        return bytes
    }
}
