/// What the peers of a magnet link offer of its metadata (BEP 9), and how much of it is here.
package struct MetadataOffer: Hashable, Sendable {
    /// The size of the metadata in bytes, as most peers state it.
    package let bytes: Int
    /// The connected peers that state this size.
    package let peers: Int
    /// The blocks that have arrived.
    package let blocks: Int

    package init(bytes: Int, peers: Int, blocks: Int) {
        self.bytes = bytes
        self.peers = peers
        self.blocks = blocks
    }

    package var blockCount: Int { (bytes + Geometry.blockLength - 1) / Geometry.blockLength }

    /// For example: `3 peers offer 2.10 MiB of metadata; 87 of 135 blocks are here`.
    package var sentence: String {
        let count = Format.count(blockCount, "block")
        let here = blocks == 1 ? "1 of \(count) is here" : "\(Format.count(blocks)) of \(count) are here"
        let verb = peers == 1 ? "offers" : "offer"
        return "\(Format.count(peers, "peer")) \(verb) \(Format.bytes(Int64(bytes))) of metadata; \(here)"
    }
}
