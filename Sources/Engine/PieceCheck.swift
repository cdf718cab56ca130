import Disk
import Swarm
import Torrent
import Verification

/// The check of a torrent's unverified pieces: why it is done, and how long it has taken.
struct PieceCheck {
    /// The most files named as the reason of a check.
    private static let namedFiles = 3

    private var token: CancelToken?
    private var beganAt: Instant?
    /// Why pieces are checked; `nil` once it was reported.
    private var reason: String?
    /// Bad pieces of the check under way that another program changed, and that are kept.
    private var keptPieces = 0
    /// What another client claimed of an imported torrent, until all of it was checked.
    private var audit: ImportAudit?

    /// The check at the start of a torrent. The reason names the files that are missing or changed. Other files that
    /// share a piece with them are not named, because they are not to blame.
    init(of loaded: TorrentLoader.Loaded) {
        audit = loaded.offline == nil ? loaded.audit : nil
        guard let causes = loaded.plan.causes else { return }
        reason = causes
        let touched = loaded.plan.touched
        guard !touched.isEmpty else { return }
        let names = touched.prefix(Self.namedFiles).map { loaded.metainfo.layout.files[$0].displayPath }.joined(
            separator: ", ")
        let others = touched.count > Self.namedFiles ? " and \(touched.count - Self.namedFiles) more" : ""
        reason = "\(causes) (\(names)\(others))"
    }

    /// The user asked for a check.
    mutating func requested() { reason = "requested by the user" }

    /// The check begins. Returns the token that ``cancel()`` cancels.
    mutating func began(now: Instant) -> CancelToken {
        let token = CancelToken()
        self.token = token
        beganAt = now
        return token
    }

    /// Pieces were hashed.
    mutating func found(_ verdicts: [(piece: PieceIndex, verdict: PieceVerdict)]) {
        for (piece, verdict) in verdicts { audit?.take(piece, verdict) }
    }

    /// So many bad pieces are kept as another program left them.
    mutating func kept(_ pieces: Int) { keptPieces += pieces }

    /// Everything of an imported torrent was checked. Returns what became of the other client's claim, once.
    mutating func endAudit(have: Bitfield, of metainfo: Metainfo, _ selection: FileSelection, _ payload: Payload)
        -> ImportAudit.Outcome?
    {
        defer { audit = nil }
        return audit?.outcome(have: have, of: metainfo, selection, payload)
    }

    /// Cancels the check, because the torrent stops.
    func cancel() { token?.cancel() }

    /// The check ended. Returns its result in one sentence.
    mutating func ended(good: Int, bad: Int, missing: Int, of pieceCount: Int, now: Instant) -> String {
        let total = good + bad + missing
        let why = reason.map { "; \($0)" } ?? ""
        let isRoutine = good == total && reason == "\(total) \(ResumePlan.Reason.writtenSinceLastCommit)"
        let time = beganAt.map { " in \(Self.seconds(now - $0)) s" } ?? ""
        let (kept, lost) = (keptPieces, bad + missing - keptPieces)
        reason = nil
        keptPieces = 0
        guard !isRoutine else { return "re-checked \(Format.count(total, "recently written piece"))\(time): all good" }
        let rest = [lost > 0 ? "\(lost) to be downloaded" : nil, kept > 0 ? "\(kept) changed by another program" : nil]
        let result =
            good == total ? "all good" : (["\(good) good"] + rest.compactMap(\.self)).joined(separator: ", ")
        return "checked \(total) of \(pieceCount) pieces\(time): \(result)\(why)"
    }

    /// Formats seconds with one decimal.
    private static func seconds(_ duration: Duration) -> String {
        let tenths = (duration.nanoseconds + 50_000_000) / 100_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
