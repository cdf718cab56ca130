package import Torrent

/// What another client says is on the disk. It decides in which order pieces are hashed, and nothing else.
package struct ForeignClaim: Sendable, Equatable {
    /// How the client records what it has.
    package enum Extent: Sendable, Equatable {
        /// It doesn't say.
        case unknown
        case nothing
        case everything
        /// One bit per piece in wire order.
        case pieces([UInt8])
        /// One bit per block of 16 KiB, over the whole torrent, in wire order.
        case blocks([UInt8])
    }

    package var extent = Extent.unknown
    /// When each file was changed last, in seconds since 1970, by file number.
    package var times: [Int: Int64] = [:]
    /// Facts of the torrent that the client recorded with its claim; a claim for another torrent doesn't count.
    package var pieceLength: Int64?
    package var totalBytes: Int64?
    /// Whether the client says that it has blocks of incomplete pieces, beside the extent.
    package var hasIncompletePieces = false

    package init() {}

    /// Whether the client has blocks of pieces that aren't among `claimed`: they are downloaded again.
    package func hasBlocks(besides claimed: Bitfield, of geometry: Geometry) -> Bool {
        guard case .blocks(let bits) = extent else { return hasIncompletePieces }
        let block = Int64(Geometry.blockLength)
        return geometry.pieces.contains { piece in
            guard !claimed[piece] else { return false }
            // Blocks that begin in the piece.
            let start = (geometry.offset(of: piece) + block - 1) / block
            let end = (geometry.offset(of: piece) + Int64(geometry.length(of: piece)) + block - 1) / block
            return (start..<max(start, end)).contains { bits[Int($0 / 8)] & (0x80 >> UInt8($0 % 8)) != 0 }
        }
    }

    /// The pieces that the client claims to have; `nil` if it doesn't say, or if the record doesn't fit the torrent.
    package func pieces(of geometry: Geometry) -> Bitfield? {
        guard pieceLength.map({ $0 == Int64(geometry.pieceLength) }) ?? true,
            totalBytes.map({ $0 == geometry.totalBytes }) ?? true
        else { return nil }
        switch extent {
        case .unknown: return nil
        case .nothing: return Bitfield(count: geometry.pieceCount)
        case .everything: return Bitfield(fullCount: geometry.pieceCount)
        case .pieces(let bits): return Bitfield(fromPeer: bits, count: geometry.pieceCount)
        case .blocks(let bits): return Self.pieces(ofBlocks: bits, geometry)
        }
    }

    /// A piece is claimed when all blocks that have a byte of it are.
    private static func pieces(ofBlocks bits: [UInt8], _ geometry: Geometry) -> Bitfield? {
        let block = Int64(Geometry.blockLength)
        guard Int64(bits.count) == (geometry.totalBytes / block + (geometry.totalBytes % block > 0 ? 1 : 0) + 7) / 8
        else { return nil }
        var pieces = Bitfield(count: geometry.pieceCount)
        for piece in geometry.pieces {
            let start = geometry.offset(of: piece)
            let last = (start + Int64(geometry.length(of: piece)) - 1) / block
            let isWhole = (start / block...max(start / block, last)).allSatisfy {
                bits[Int($0 / 8)] & (0x80 >> UInt8($0 % 8)) != 0
            }
            if isWhole { pieces.insert(piece) }
        }
        return pieces
    }
}
