import Torrent

/// How long the frames of a connection may be, by type of message.
///
/// Lengths are those of the wire's prefix: the byte of the message's id counts, the prefix itself does not. A length is
/// checked as soon as prefix and id are there, before one byte of the body is waited for.
struct FrameLimits {
    /// Bytes of a frame's length prefix.
    static let prefixBytes = 4
    /// The most bytes of a block that are taken: 16 KiB is all that we ask for (BEP 3), and 128 KiB what old clients
    /// were content to send.
    static let blockBytes = 128 << 10
    /// The most bytes of an extension message; the longest in use carry 16 KiB of metadata (BEP 9).
    static let extendedBytes = 1 << 20
    /// The most bytes of a message of unknown type; BEP 52's hashes are about 16 KiB.
    static let unknownBytes = 128 << 10
    /// The most bytes of a bitfield before the count of pieces is known, as with a magnet link.
    static let bitfieldBytes = Geometry.maximumPieceCount / 8
    /// The longest of them all, by which a frame is refused when even its id has not arrived.
    static let longest = max(9 + blockBytes, 2 + extendedBytes, 1 + bitfieldBytes, 1 + unknownBytes)

    /// The torrent's count of pieces, where it is known: it fixes the length of a bitfield.
    var pieceCount: Int?

    /// The lengths that a frame of this type may have.
    func allowed(_ id: UInt8) -> ClosedRange<Int> {
        switch MessageID(rawValue: id) {
        case .choke, .unchoke, .interested, .notInterested, .haveAll, .haveNone: 1...1
        case .port: 3...3
        case .have, .suggest, .allowedFast: 5...5
        case .request, .cancel, .reject: 13...13
        case .piece: 9...9 + Self.blockBytes
        case .bitfield: bitfield
        case .extended: 2...2 + Self.extendedBytes
        case nil: 1...1 + Self.unknownBytes
        }
    }

    private var bitfield: ClosedRange<Int> {
        guard let pieceCount else { return 1...1 + Self.bitfieldBytes }
        let length = 1 + (pieceCount + 7) / 8
        return length...length
    }
}
