package import Store
import Torrent

/// Explains how far a complete torrent is from its own seeding goal.
extension Explanation {
    /// How far the pieces of a torrent that super-seeds have spread.
    static func superSeeding(_ facts: Facts) -> [Cause] {
        let torrent = facts.torrent
        guard let live = facts.live, torrent.state == .seeding else { return [] }
        if let count = live.spreadPieces {
            let pieces = "\(Format.count(count)) of \(Format.count(torrent.pieceCount, "piece"))"
            return [
                Cause(
                    kind: .superSeeding,
                    sentence:
                        "it super-seeds: it announces few pieces to each peer, and the connected peers have \(pieces) between them",
                    advice: "it becomes a usual seed when they have all pieces between them, or at once with "
                        + "`pieces limit \(torrent.id) --no-super-seed`")
            ]
        }
        guard torrent.settings.superSeeds == true else { return [] }
        let reason = torrent.pieceCount > 1 ? "other peers have all pieces between them" : "it has only one piece"
        return [Cause(kind: .superSeeding, sentence: "it needn't super-seed: \(reason)", advice: nil)]
    }

    static func seeding(_ facts: Facts) -> [Cause] {
        let torrent = facts.torrent
        switch torrent.settings.seedGoal {
        case .standard, .none, .forever: return []
        case .time(let goal):
            let done = "it has seeded for \(Format.time(torrent.seedTime)) of \(Format.time(goal))"
            let left = goal - torrent.seedTime
            guard left > .zero else {
                return [Cause(kind: .seeding, sentence: "\(done): its goal is reached", advice: nil)]
            }
            return [
                Cause(
                    kind: .seeding, sentence: "\(done): \(Format.time(left)) left",
                    advice:
                        "only time in which it is available to peers counts: not while it is paused or offline, or no engine is running"
                )
            ]
        case .ratio(let goal):
            let done =
                "it has uploaded \(Format.bytes(torrent.uploadedBytes)), a ratio of \(Format.decimal(torrent.ratio, places: 2))"
            guard torrent.ratio < goal else {
                return [Cause(kind: .seeding, sentence: "\(done): its goal is reached", advice: nil)]
            }
            let left = max(0, goal * Double(max(torrent.wantedBytes, 1)) - Double(torrent.uploadedBytes))
            let bytes = left < Double(Int64.max) ? Format.bytes(Int64(left)) : "over 8 EiB"
            return [
                Cause(
                    kind: .seeding, sentence: "\(done) of \(Format.decimal(goal, places: 2)): \(bytes) left",
                    advice: "the ratio is relative to the size of the wanted files")
            ]
        }
    }
}

extension TorrentRow {
    /// The uploaded bytes divided by the size of the wanted files.
    package var ratio: Double { Double(uploadedBytes) / Double(max(wantedBytes, 1)) }
}
