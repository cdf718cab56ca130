import Torrent

/// The allowed lengths of a connection's frames, by message type.
///
/// Lengths are those in the wire's prefix: they include the byte of the message ID but not the prefix itself. A length
/// is checked as soon as prefix and ID have arrived, before any of the body.
package struct FrameLimits {
    /// The size of a frame's length prefix in bytes.
    package static let prefixBytes = 4
    /// The maximum size of a block in bytes. We request at most 16 KiB (BEP 3); old clients sent up to 128 KiB.
    static let blockBytes = 128 << 10
    /// The maximum size of an extension message in bytes; the longest in use carry 16 KiB of metadata (BEP 9).
    package static let extendedBytes = 128 << 10
    /// The maximum size in bytes of a message of unknown type; the hashes of BEP 52 take about 16 KiB.
    static let unknownBytes = 128 << 10
    /// The maximum size in bytes of a bitfield while the number of pieces is unknown, as with a magnet link.
    static let bitfieldBytes = Geometry.maximumPieceCount / 8
    /// The longest allowed frame, by which a frame is rejected even before its ID arrives.
    package static let longest = max(9 + blockBytes, 2 + extendedBytes, 1 + bitfieldBytes, 1 + unknownBytes)

    /// The number of pieces in the torrent, if known; it determines the length of a bitfield.
    var pieceCount: Int?

    package init(pieceCount: Int? = nil) { self.pieceCount = pieceCount }

    /// The allowed lengths of a frame with this message ID.
    package func allowed(_ id: UInt8) -> ClosedRange<Int> {
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
