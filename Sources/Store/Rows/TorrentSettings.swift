/// The user's settings for a torrent.
///
/// A setting is a property, its name in ``columns``, its place in ``values`` and its reading in `init`, all in one
/// order. Everything else that stores settings is derived from these.
package struct TorrentSettings: Sendable, Hashable {
    package var isPaused = false
    package var isSequential = false
    /// Reserve the space of whole files at once, instead of as pieces arrive.
    package var allocatesFull = false
    package var limits = TorrentLimits()
    package var seedGoal = SeedGoal.standard
    /// Whether the torrent super-seeds (BEP 16); `nil` means as the engine's options say.
    package var superSeeds: Bool?
    /// Whether the files are only read: never created, truncated, extended or written.
    package var isReadOnly = false

    package init() {}

    /// The columns of the table `torrent` that hold the settings.
    static let columns = [
        "paused", "sequential", "allocate_full", "download_limit", "upload_limit", "max_peers", "seed_goal",
        "seed_ratio", "seed_seconds", "super_seed", "read_only",
    ]

    /// The value of each of the ``columns``.
    var values: [any SQLValue & Hashable] {
        [
            isPaused, isSequential, allocatesFull, limits.download, limits.upload, limits.peers, seedGoal.word,
            seedGoal.ratio, seedGoal.seconds, superSeeds, isReadOnly,
        ]
    }

    /// Reads the columns in the order of ``columns``. An invalid value is replaced by the default, and described in
    /// `damage`.
    init(_ row: Statement, damage: inout String?) throws(StoreError) {
        var fault: String?
        func read<Value: SQLValue>(or usual: Value) throws(StoreError) -> Value {
            do {
                return try row.next()
            } catch {
                guard error.isOfRow else { throw error }
                fault = fault ?? error.message
                return usual
            }
        }
        isPaused = try read(or: false)
        isSequential = try read(or: false)
        allocatesFull = try read(or: false)
        limits.download = try read(or: nil)
        limits.upload = try read(or: nil)
        limits.peers = try read(or: nil)
        let goal = SeedGoal(word: try read(or: "default"), ratio: try read(or: nil), seconds: try read(or: nil))
        if goal == nil { fault = fault ?? "column “seed_goal” holds an invalid value: \(StoreError.rowAdvice)" }
        seedGoal = goal ?? .standard
        superSeeds = try read(or: nil)
        isReadOnly = try read(or: true)
        for limit in [limits.download, limits.upload, limits.peers.map({ Int64($0) })] where limit ?? 1 <= 0 {
            fault = fault ?? "a limit is not positive: set it with `pieces limit`"
        }
        damage = damage ?? fault
    }
}
