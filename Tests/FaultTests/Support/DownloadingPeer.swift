import TestSupport
import Torrent

/// Asks the program for a block, as a peer does that has nothing.
enum DownloadingPeer {
    /// Gets the first block of the piece from the engine at the address; throws when it does not come, or comes wrong.
    static func get(_ piece: PieceIndex, of torrent: SampleTorrent, from address: PeerAddress) async throws {
        // The handshake of BEP 3, without extensions; then `interested`.
        let greeting: [UInt8] =
            [19] + Array("BitTorrent protocol".utf8) + [UInt8](repeating: 0, count: 8) + torrent.infoHash.bytes
            + Array("-XX0001-leechleech12".utf8) + [0, 0, 0, 1, 2]
        let block = torrent.bytes(of: piece).prefix(Geometry.blockLength)
        let request: [UInt8] = [0, 0, 0, 13, 6] + bigEndian(piece.value) + bigEndian(0) + bigEndian(block.count)
        let answer = [7] + bigEndian(piece.value) + bigEndian(0) + Array(block)
        var rawPeer = try await RawPeer.dial(address)
        var dials = 1
        let result = await Result {
            try await rawPeer.say(greeting)
            // A choke round is as long as it may take to be unchoked.
            try await eventually(
                "piece \(piece) to be served: \(rawPeer.heard) bytes were heard, \(dials) dials", within: .seconds(120)
            ) {
                // Where both processes are starved, a connection may take too long to be kept: a peer dials again.
                if rawPeer.isClosed {
                    rawPeer = try await RawPeer.dial(address)
                    dials += 1
                    try await rawPeer.say(greeting)
                }
                try await rawPeer.say(request)
                return contains(rawPeer.bytes, answer)
            }
        }
        await rawPeer.hangUp()
        try result.get()
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (0...bytes.count - part.count).contains {
            bytes[$0] == part[0] && bytes[$0..<$0 + 9] == part[..<9] && bytes[$0..<$0 + part.count] == part[...]
        }
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        (0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
