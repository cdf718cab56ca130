import Torrent

/// One web seed (BEP 19): a block source with every piece, but for those of files that its copy lacks, from which whole
/// runs of blocks are fetched.
final class WebSeed {
    /// The bytes of the first run, and of the longest one.
    static let firstRun = 1 << 20
    static let longestRun = 16 << 20
    /// How long a run may take at the present rate, in seconds.
    private static let runTime = 8.0
    /// The pause after the first failure; each further one doubles it.
    private static let firstRest = Duration.seconds(2)
    private static let longestRest = Duration.seconds(1800)
    /// The longest pause that a server may ask for.
    private static let longestAskedRest = Duration.seconds(3600)
    /// The pieces of several files that may fail their hash check before the seed is asked for nothing more.
    private static let mostBadPieces = 5

    let key: WebSeedKey
    let source: BlockSource
    /// The runs under way, oldest first.
    private(set) var runs: [WebSeedRun] = []
    private var nextNumber = 0
    private var runBytes = firstRun
    /// The piece after the last run.
    private(set) var cursor = PieceIndex(0)
    private(set) var failures: Int
    private(set) var restsUntil: Instant?
    /// Bytes that had arrived at the last failure.
    private var downloadedAtFailure: Int64 = 0
    private(set) var lacking: Set<Int>
    private var badPieces = 0
    /// Whether the server sends files only from their beginning.
    private(set) var ignoresRanges = false
    /// Whether reading waits for the rate limit.
    private(set) var isHeld = false
    /// A rate from an earlier run, in bytes per second.
    private let knownRate: Int

    init(key: WebSeedKey, source: BlockSource, _ state: WebSeedState) {
        self.key = key
        self.source = source
        failures = state.failures
        restsUntil = state.restsUntil
        lacking = state.lacking
        knownRate = state.rate
    }

    // MARK: Runs

    var isBusy: Bool { !runs.isEmpty }

    /// The best known rate, in bytes per second.
    var rate: Int { max(Int(source.pipeline.bestRate), source.downloadedTotal == 0 ? knownRate : 0) }

    /// How many bytes the next run should have, of at most `most`.
    func wantedRun(most: Int) -> Int { max(1, min(runBytes, most)) }

    /// Whether another run may begin. A seed that has proved itself gets the next run before the last one ends, so that
    /// the connection never idles.
    var wantsRun: Bool { runs.count < (source.isProven ? 2 : 1) }

    func began(_ parts: [WebSeedRun.Part], _ blocks: [BlockRef]) -> WebSeedRun {
        let run = WebSeedRun(number: nextNumber, parts: parts, blocks: blocks)
        nextNumber += 1
        runs.append(run)
        if let last = blocks.last { cursor = PieceIndex(last.piece.value) }
        return run
    }

    /// Removes and returns the run.
    func ended(_ number: Int) -> WebSeedRun? {
        guard let index = runs.firstIndex(where: { $0.number == number }) else { return nil }
        return runs.remove(at: index)
    }

    func forgetRuns() { runs = [] }

    /// A whole run arrived.
    func finished(now: Instant) {
        failures = 0
        restsUntil = nil
        let affordable = source.pipeline.bestRate * Self.runTime
        runBytes = max(Self.firstRun, min(runBytes * 2, Self.longestRun, Int(min(affordable, 1e9))))
    }

    // MARK: Rests

    func isResting(now: Instant) -> Bool { restsUntil.map { now < $0 } ?? false }

    /// Nothing more could be fetched: the seed rests.
    func failed(retryAfter: Duration?, now: Instant) {
        // What arrived shows that the server works, so the pauses begin anew.
        if source.downloadedTotal > downloadedAtFailure { failures = 0 }
        downloadedAtFailure = source.downloadedTotal
        failures += 1
        runBytes = Self.firstRun
        var rest = Self.longestRest
        if failures < 12 { rest = min(rest, Self.firstRest * (1 << (failures - 1))) }
        if let retryAfter { rest = max(.seconds(1), min(retryAfter, Self.longestAskedRest)) }
        restsUntil = now + rest
    }

    func held(_ isHeld: Bool) { self.isHeld = isHeld }

    // MARK: Verdicts

    func lacks(_ file: Int) { lacking.insert(file) }

    func sendsOnlyFromTheBeginning() { ignoresRanges = true }

    /// A piece of several files failed its hash check. Returns whether there were too many of these.
    func sentBadPiece() -> Bool {
        badPieces += 1
        return badPieces >= Self.mostBadPieces
    }
}
