import Store

/// Stops repairs on a volume where many pieces are bad: a failing controller, bad memory, or the wrong disk. Writing
/// there would do more harm than good.
package struct RepairBrake: Sendable, Hashable {
    /// Fewer bad pieces never stop repairs.
    package static let fewest = 8
    /// The part of the pieces read on the volume from which bad ones stop repairs.
    package static let part = 0.001

    /// What was read lately, since repairs were last allowed: at ``ScrubTable/countedPieces``, both numbers are halved,
    /// as in the database.
    package private(set) var pieces: Int
    package private(set) var bad: Int
    /// The bad pieces of each file of the torrent that is being read, by its number.
    private var badByFile: [Int: Int] = [:]

    package init(pieces: Int, bad: Int) {
        self.pieces = pieces
        self.bad = bad
    }

    /// Another torrent's turn begins.
    package mutating func torrentBegins() { badByFile = [:] }

    package mutating func read(_ count: Int) {
        pieces += count
        guard pieces > ScrubTable.countedPieces else { return }
        pieces /= 2
        bad /= 2
    }

    /// A piece is bad, and the disk or the machine is to blame. Returns why repairs stop; `nil` if they continue.
    package mutating func foundBad(inFile file: Int) -> String? {
        bad += 1
        badByFile[file, default: 0] += 1
        if let inFile = badByFile[file], inFile >= Self.fewest {
            return "\(inFile) pieces of one file are bad"
        }
        guard bad >= Self.fewest, Double(bad) >= Self.part * Double(pieces) else { return nil }
        return "\(bad) of \(pieces) pieces that were read are bad"
    }
}
