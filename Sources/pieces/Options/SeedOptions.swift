import ArgumentParser
import Library
import Store

/// How long a complete torrent seeds.
struct SeedOptions: ParsableArguments {
    @Flag(help: "Seed when complete, until stopped.")
    var seed = false

    @Option(
        help: ArgumentHelp("Seed until this many times the bytes of the wanted files are uploaded.", valueName: "ratio")
    )
    var seedRatio: Double?

    @Option(
        help: ArgumentHelp(
            "Seed for so long, as 90s, 30m, 2h or 1d. Only time in which others can get the torrent counts, in all runs together.",
            valueName: "time"),
        transform: TimeSpan.parse)
    var seedTime: Duration?

    /// `nil` when none was given.
    var goal: SeedGoal? {
        if let seedRatio { return .ratio(seedRatio) }
        if let seedTime { return .time(seedTime) }
        return seed ? .forever : nil
    }

    func validate() throws {
        let given = [seed, seedRatio != nil, seedTime != nil].count { $0 }
        guard given <= 1 else { throw ValidationError("give one of --seed, --seed-ratio and --seed-time") }
        if let seedRatio, !(seedRatio >= 0 && seedRatio.isFinite) {
            throw ValidationError("a seed ratio is a number from 0 up, as 1.5")
        }
    }
}
