import Store
import Torrent

/// Checks whether verified bytes are read back in time, and what is damaged.
extension Checkup {
    /// The lag from which a late scrub is reported: a tenth of the standard period.
    private static let tolerated = Duration.seconds(3 * 24 * 3600)

    func scrubs() throws -> [Diagnosis] {
        let status = try Library(connection).scrubStatus(now: now)
        guard !status.volumes.isEmpty else { return [] }
        var found: [Diagnosis] = []
        for volume in status.volumes {
            let place = (volume.volume?.title ?? "an unknown volume").printable
            if let reason = volume.stored?.heldReason {
                found.append(
                    .problem(
                        .scrub, "\(place): repairs are stopped: \(reason.printable)",
                        "check the disk, its cables and the memory; then `pieces scrub --continue`"))
            }
            if let transients = volume.stored?.transients, transients >= Self.fewestTransients {
                found.append(
                    .notice(
                        .scrub, "\(place): \(Format.count(transients, "piece")) were bad once and good when read again",
                        "check the memory and the cables: the disk itself keeps its bytes"))
            }
            if volume.lag > Self.tolerated, !status.control.isPaused {
                found.append(
                    .notice(
                        .scrub, "\(place): the oldest verification is \(Format.time(volume.lag)) late",
                        status.isEngineRunning
                            ? "`pieces scrub --rate` sets a higher rate, and `pieces scrub policy` a longer period"
                            : "start `pieces run`, which continues reading"))
            }
        }
        if status.control.isPaused {
            found.append(.notice(.scrub, "scrubs are paused", "`pieces scrub resume` resumes them"))
        }
        if !status.damage.isEmpty {
            found.append(
                .problem(
                    .scrub,
                    "\(Format.count(status.damageCount, "piece")) of \(Format.count(status.damagedTorrents, "torrent")) are damaged",
                    "`pieces scrub` lists them, and `pieces explain TORRENT` says what happens to them"))
        }
        guard found.isEmpty else { return found }
        let policy = status.volumes.reduce(Int64(0)) { $0 + $1.policyBytes }
        let covered = status.volumes.reduce(Int64(0)) { $0 + $1.coveredBytes }
        return [
            .fine(
                .scrub,
                policy > 0
                    ? "\(Format.percent(covered, of: policy)) of the verified bytes were verified within their period, and nothing is damaged"
                    : "nothing is read back, because the policy turns scrubs off")
        ]
    }

    /// From so many pieces that were bad only once, the memory or a cable is suspected.
    static let fewestTransients = 3
}
