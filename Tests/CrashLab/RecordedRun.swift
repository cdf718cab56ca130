/// Everything that happened to a disk in one run, and whose it was: from it every state is built that a cut may have left.
package struct RecordedRun: Sendable {
    package let name: String
    package let seed: UInt64
    package let parts: [CrashPart]
    package let entries: [LogEntry]
    /// Where cuts begin: what came before is known from another run.
    package let first: Int
    /// Whether torrents were removed.
    package let removes: Bool

    package init(_ name: String, seed: UInt64, _ parts: [CrashPart], _ entries: [LogEntry], first: Int = 0, removes: Bool = false) {
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
        var chance = Chance(seed)
        return CrashState(number: number, position: first + chance.next(entries.count - first + 1), cut: Cut(seed: seed))
    }

    /// The same run on a disk of which `change` says what it did to it.
    package func changing(_ change: ([LogEntry]) -> [LogEntry]) -> RecordedRun {
        RecordedRun(name, seed: seed, parts, change(entries), first: first, removes: removes)
    }
}
