import Torrent

/// How a power cut comes out: what of the unsynced the disk had got to, as a function of a seed.
package struct Cut: Sendable, Hashable {
    /// What became of the unsynced.
    package enum Fate: Sendable, Hashable {
        /// Only what was synced is there.
        case lost
        /// All of it got there, as after a kill.
        case kept
        /// Each file, and each name, is as it was at some moment since its last sync.
        case stopped
        /// Each unit of so many bytes is as it was at some moment since its file's last sync, whatever its neighbours
        /// are.
        case torn(Int)
    }

    package let seed: UInt64
    /// The fate of each owner's data, and of the names in directories.
    package let payload: Fate
    package let database: Fate
    package let names: Fate

    package init(seed: UInt64, payload: Fate, database: Fate, names: Fate) {
        self.seed = seed
        self.payload = payload
        self.database = database
        self.names = names
    }

    /// What file systems and disks write whole.
    private static let units = [4096, 512]

    /// Payload and database part ways on purpose: what is claimed and lost is what the order of the writes is about.
    package init(seed: UInt64) {
        var random = SeededGenerator(scattered: seed)
        let torn = Fate.torn(Self.units[random.next(Self.units.count)])
        let fates: [(payload: Fate, database: Fate)] = [
            (.lost, .lost), (.kept, .kept), (.lost, .kept), (.kept, .lost), (.lost, torn), (torn, .kept), (torn, torn),
            (torn, torn),
            (.stopped, .stopped), (torn, .stopped),
        ]
        let (payload, database) = fates[random.next(fates.count)]
        self.init(
            seed: seed, payload: payload, database: database,
            names: [Fate.lost, .kept, .stopped, .stopped][random.next(4)])
    }

    /// Nothing that isn't synced is there.
    package static let onlySynced = Cut(seed: 0, payload: .lost, database: .lost, names: .lost)
    /// Everything is there: what a killed process leaves.
    package static let everything = Cut(seed: 0, payload: .kept, database: .kept, names: .kept)

    func fate(of owner: Owner) -> Fate { owner == .payload ? payload : database }

    /// Up to which of `count` unsynced changes a thing came that has one fate as a whole.
    func reached(_ fate: Fate, of count: Int, _ a: Int, _ b: Int) -> Int {
        switch fate {
        case .lost: 0
        case .kept: count
        case .stopped, .torn: some(of: count, a, b)
        }
    }

    /// None, all, or some: each as likely.
    func some(of count: Int, _ a: Int, _ b: Int) -> Int {
        switch SeededGenerator.answer(seed, a, b, below: 3) {
        case 0: 0
        case 1: count
        default: SeededGenerator.answer(~seed, a, b, below: count + 1)
        }
    }
}
