import SystemPackage

/// The write-ahead log of a damaged database (sqlite.org/fileformat.html, section 4).
enum DamagedLog {
    private static let headerLength = 32
    private static let frameHeaderLength = 24
    /// The magic number without its last bit, which gives the byte order of the checksums' words.
    private static let magic: UInt32 = 0x377f_0682

    /// The offset of the newest committed frame of each page. Frames after the first damaged one are ignored, as in
    /// SQLite.
    static func committedFrames(_ log: FileDescriptor, pageSize: Int) -> [Int: Int64] {
        guard let header = DamagedPages.read(log, at: 0, count: headerLength) else { return [:] }
        let magic = word(header, 0)
        guard magic & ~1 == Self.magic, word(header, 8) == UInt32(pageSize) else { return [:] }
        var sum = Checksum(isBigEndian: magic & 1 == 1)
        sum.add(header[0..<24])
        guard sum.first == word(header, 24), sum.second == word(header, 28) else { return [:] }
        var committed: [Int: Int64] = [:]
        var pending: [Int: Int64] = [:]
        var offset = Int64(headerLength)
        while let frame = DamagedPages.read(log, at: offset, count: frameHeaderLength + pageSize) {
            guard word(frame, 8) == word(header, 16), word(frame, 12) == word(header, 20) else { break }
            sum.add(frame[0..<8])
            sum.add(frame[frameHeaderLength...])
            guard sum.first == word(frame, 16), sum.second == word(frame, 20) else { break }
            let page = Int(word(frame, 0))
            guard page > 0 else { break }
            pending[page] = offset + Int64(frameHeaderLength)
            if word(frame, 4) != 0 {
                committed.merge(pending) { _, new in new }
                pending = [:]
            }
            offset += Int64(frame.count)
        }
        return committed
    }

    private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The running checksum of a log.
    private struct Checksum {
        let isBigEndian: Bool
        private(set) var first: UInt32 = 0
        private(set) var second: UInt32 = 0

        init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

        /// Adds bytes, whose count is a multiple of eight.
        mutating func add(_ bytes: ArraySlice<UInt8>) {
            bytes.withUnsafeBytes { bytes in
                for place in stride(from: 0, to: bytes.count - 7, by: 8) {
                    first = first &+ word(bytes, place) &+ second
                    second = second &+ word(bytes, place + 4) &+ first
                }
            }
        }

        private func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt32 {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
            return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
        }
    }
}
