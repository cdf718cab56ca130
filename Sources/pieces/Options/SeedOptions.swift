import ArgumentParser
import Library
import Store

/// The options that decide how long a complete torrent seeds.
struct SeedOptions: ParsableArguments {
    @Flag(help: "Seed after completion until stopped.")
    var seed = false

    @Option(
        help: ArgumentHelp(
            "Stop seeding when this many times the size of the wanted files has been uploaded.", valueName: "ratio")
    )
    var seedRatio: Double?

    @Option(
        help: ArgumentHelp(
            "Stop seeding after this long (90s, 30m, 2h, 1d). Counts the time in which the torrent is available to peers, over all runs.",
            valueName: "time"),
        transform: TimeSpan.parse)
    var seedTime: Duration?

    @Flag(
        inversion: .prefixedNo,
        help:
            "Super-seed: as the only seed, announce few pieces to each peer, so that the first copy costs as little upload as possible. Ends when the other peers have all pieces between them."
    )
    var superSeed: Bool?

    /// The seeding goal; `nil` if no option was given.
    var goal: SeedGoal? {
        if let seedRatio { return .ratio(seedRatio) }
        if let seedTime { return .time(seedTime) }
        return seed ? .forever : nil
    }

    func validate() throws {
        let given = [seed, seedRatio != nil, seedTime != nil].count { $0 }
        guard given <= 1 else { throw ValidationError("give only one of --seed, --seed-ratio and --seed-time") }
        if let seedRatio, !(seedRatio >= 0 && seedRatio.isFinite) {
            throw ValidationError("--seed-ratio must be a number of at least 0, for example 1.5")
        }
    }
}
