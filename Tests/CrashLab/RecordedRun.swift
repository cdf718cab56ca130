import Torrent

/// Everything that happened to a disk in one run, and whose it was: from it every state is built that a cut may have
/// left.
package struct RecordedRun: Sendable {
    package let name: String
    package let seed: UInt64
    package let parts: [CrashPart]
    package let entries: [LogEntry]
    /// The first position at which it is cut: what came before is another run's.
    package let first: Int
    /// Whether torrents were removed.
    package let removes: Bool
    /// Whether the database is replaced: then a start of the program may have to mend it, or to end a mending, before
    /// it says anything.
    package let mends: Bool

    package init(
        _ name: String, seed: UInt64, _ parts: [CrashPart], _ entries: [LogEntry], first: Int = 0,
        removes: Bool = false, mends: Bool = false
    ) {
        self.mends = mends
        self.name = name
        self.seed = seed
        self.parts = parts
        self.entries = entries
        self.first = first
        self.removes = removes
    }

    /// One state that a power cut may have left.
    package struct CrashState: Sendable {
        package let number: Int
        /// How many entries happened before the cut.
        package let position: Int
        package let cut: Cut
    }

    /// The state of this number, always the same for the run.
    package func state(_ number: Int) -> CrashState {
        let seed = seed &* 1_000_003 &+ UInt64(number)
        var random = SeededGenerator(scattered: seed)
        return CrashState(
            number: number, position: first + random.next(entries.count - first + 1), cut: Cut(seed: seed))
    }

    /// A state in which some is done and some is left to do.
    package var stateInTheMiddle: CrashState {
        let middle = first + (entries.count - first) * 4 / 10...first + (entries.count - first) * 8 / 10
        return (0...).lazy.map { state($0) }.first { middle.contains($0.position) } ?? state(0)
    }

    /// The same run on a disk that did something else with what it was asked.
    func changing(_ change: ([LogEntry]) -> [LogEntry]) -> RecordedRun {
        RecordedRun(name, seed: seed, parts, change(entries), first: first, removes: removes, mends: mends)
    }

    /// Beyond every number that was used.
    var nextNumber: Int { (entries.map(\.number).max() ?? -1) + 1 }

    var nextNode: Int {
        entries.reduce(Node.root.number + 1) { next, entry in
            switch entry.operation {
            case .makeFile(let node, _, _, _), .makeDirectory(let node, _, _, _): max(next, node.number + 1)
            default: next
            }
        }
    }
}
