package import Torrent

/// Whoever serves the blocks of a torrent to a test: a peer or a web server.
package protocol BlockServer: Sendable {
    /// Where peers dial it; empty for a web server.
    var peerAddresses: [PeerAddress] { get }
    /// The blocks that were asked for, again for each time.
    var requestedBlocks: [BlockRef] { get }
    /// The blocks of metadata that were asked for.
    var requestedMetadata: Set<Int> { get }
    /// The pieces of which something was sent.
    var servedPieces: Set<PieceIndex> { get }

    /// Forgets what was asked, and remembers what was served.
    func forgetRequests()
    /// Serves everything, well and fast, from now on.
    func serveWell()
    func stop() async
}

extension FakePeer: BlockServer {
    package var peerAddresses: [PeerAddress] { [address] }
    package var requestedBlocks: [BlockRef] { requests.map(\.block) }
    package var servedPieces: Set<PieceIndex> { Set(served.map(\.piece)) }

    package func serveWell() { behave(.good) }
}

extension BlockServer {
    package var requestedMetadata: Set<Int> { [] }
}

extension FakeMetadataPeer: BlockServer {
    package var peerAddresses: [PeerAddress] { [address] }
    package var requestedMetadata: Set<Int> { Set(requests) }
    package var servedPieces: Set<PieceIndex> { Set(requestedBlocks.map(\.piece)) }

    package func serveWell() { serve(.max / 2) }
}
