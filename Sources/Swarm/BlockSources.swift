import Torrent

/// The block sources of the torrent: peers and web seeds.
struct BlockSources: ~Copyable {
    private var byKey: [SourceKey: BlockSource] = [:]
    /// The sources, ordered by key.
    private(set) var ordered: [BlockSource] = []
    private let onTheWay: BytesOnTheWay

    init(_ onTheWay: BytesOnTheWay) { self.onTheWay = onTheWay }

    subscript(key: SourceKey) -> BlockSource? { byKey[key] }
    var count: Int { byKey.count }

    /// Adds a source that delivers nothing yet.
    mutating func add(_ key: SourceKey) -> BlockSource {
        let source = BlockSource(key: key, onTheWay)
        byKey[source.key] = source
        // Keys of one kind grow, and peers stand before web seeds, which are few.
        let place = ordered.lastIndex { $0.key < key }.map { $0 + 1 } ?? 0
        ordered.insert(source, at: place)
        return source
    }

    mutating func remove(_ source: BlockSource) {
        byKey[source.key] = nil
        ordered.removeAll { $0 === source }
        source.end()
    }

    /// Allows any source to be asked for blocks of the piece.
    func endAssignment(of piece: ActivePiece) {
        guard let owner = piece.assignedSource else { return }
        piece.assignedSource = nil
        byKey[owner]?.endAssignment(of: piece.piece)
    }

    /// Descriptions of what is inconsistent, for tests; empty if nothing is.
    var faults: [String] {
        var found: [String] = []
        if ordered.map(\.key) != byKey.keys.sorted() {
            found.append("the ordered block sources are not the block sources")
        }
        if onTheWay.total != ordered.reduce(0, { $0 + $1.bytesOnTheWay }) {
            found.append("the bytes on the way are miscounted")
        }
        return found
    }
}
