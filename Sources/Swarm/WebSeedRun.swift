package import Torrent

/// A run of blocks that is fetched from one web seed, as ranges of its files in ascending order.
package struct WebSeedRun: Equatable, Sendable {
    /// Bytes of one file, or zeros of padding.
    package struct Part: Equatable, Sendable {
        /// The index of the file; `nil` for padding, which servers don't have.
        package let file: Int?
        package let fileOffset: Int64
        /// The offset of the first byte in the torrent.
        package let offset: Int64
        package let length: Int

        package init(file: Int?, fileOffset: Int64, offset: Int64, length: Int) {
            self.file = file
            self.fileOffset = fileOffset
            self.offset = offset
            self.length = length
        }
    }

    /// Counts the runs of the web seed.
    package let number: Int
    /// The parts, which may skip blocks of padding.
    package let parts: [Part]
    /// The blocks, in ascending order.
    package let blocks: [BlockRef]

    init(number: Int, parts: [Part], blocks: [BlockRef]) {
        self.number = number
        self.parts = parts
        self.blocks = blocks
    }
}
