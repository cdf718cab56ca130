package import Store
package import Torrent
import Verification

/// Scrubs: verified bytes are read back within a period, and what rotted is repaired.
extension Library {
    /// What scrubs have done on a volume, and what is left to do.
    package struct ScrubbedVolume: Sendable {
        /// `nil` for torrents whose volume isn't known yet.
        package let volume: VolumeRow?
        package let stored: ScrubVolumeRow?
        package let damage: DamageSum?
        /// Torrents, and their recorded bytes.
        package let torrents: Int
        package let bytes: Int64
        /// Bytes that are to be read back at all.
        package let policyBytes: Int64
        /// Bytes that were verified within their period.
        package let coveredBytes: Int64
        /// When the bytes that were verified longest ago were verified.
        package let oldest: Timestamp?
        /// How long the oldest verification has been overdue; zero if none is.
        package let lag: Duration
        /// Bytes per second now, and the limit; `nil` without a running engine.
        package let rate: Int64?
        package let rateLimit: Int64?
        /// Bytes that are due now.
        package let dueBytes: Int64
        package let activity: ScrubActivity?
        /// When everything that is due is read at this rate; `nil` if nothing is, or if that isn't known.
        package let endsAt: Timestamp?

        /// The part of the bytes that was verified within its period; `nil` if no byte is to be read back.
        package var coverage: Double? { policyBytes > 0 ? Double(coveredBytes) / Double(policyBytes) : nil }
    }

    /// The state of all scrubs.
    package struct ScrubStatus: Sendable {
        package let control: ScrubControl
        package let labels: [ScrubLabel]
        /// How many torrents have a period of their own.
        package let ownPolicies: Int
        package let isEngineRunning: Bool
        package let volumes: [ScrubbedVolume]
        /// Damage that stands, at most ``Library/listedDamage`` pieces of it; and all of it, counted.
        package let damage: [DamageRow]
        package let damageCount: Int
        package let damagedTorrents: Int
        /// The damaged torrents that are read-only, so that they aren't repaired.
        package let readOnly: Set<TorrentID>

        package var isDamaged: Bool { !damage.isEmpty }
        /// The volumes on which nothing is repaired.
        package var held: [ScrubbedVolume] { volumes.filter { $0.stored?.heldAt != nil } }
    }

    /// The most damaged pieces that a status lists.
    package static let listedDamage = 1000

    /// Reads the state of all scrubs. Looks at all torrents.
    package func scrubStatus(now: Timestamp) throws(StoreError) -> ScrubStatus {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let engine = try engine()
            let control = try connection.scrubs.control()
            let stored = Dictionary(try connection.scrubs.volumes().map { ($0.volume, $0) }) { first, _ in first }
            let sums = try connection.damage.sums()
            let coverage = try connection.scrubs.coverage(now: now, since: control.since)
            var volumes: [VolumeID?] = try connection.volumes.rows().map(\.id)
            if coverage.keys.contains(where: { $0 == nil }) || sums.contains(where: { $0.volume == nil }) {
                volumes.append(nil)
            }
            var rows: [ScrubbedVolume] = []
            for id in volumes {
                let covered = coverage[id] ?? ScrubCoverage()
                let sum = sums.first { $0.volume == id }
                let one = id.flatMap { stored[$0] }
                guard covered.torrents > 0 || sum != nil else { continue }
                let isLive = engine.isRunning && one?.activity != nil
                let due = max(isLive ? one?.dueBytes ?? 0 : 0, covered.dueBytes)
                let activity = isLive ? one?.activity.map { $0.under(control) } : nil
                let pace = one.flatMap { $0.rate > 0 ? $0.rate : $0.rateLimit } ?? 0
                rows.append(
                    ScrubbedVolume(
                        volume: try id.flatMap { id throws(StoreError) in try connection.volumes.row(id) }, stored: one,
                        damage: sum, torrents: covered.torrents, bytes: covered.bytes,
                        policyBytes: covered.policyBytes, coveredBytes: covered.coveredBytes, oldest: covered.oldest,
                        lag: covered.lag, rate: isLive ? one?.rate : nil, rateLimit: isLive ? one?.rateLimit : nil,
                        dueBytes: due, activity: activity,
                        endsAt: due > 0 && pace > 0 && activity == .reading
                            ? now + .seconds(Double(due) / Double(pace)) : nil))
            }
            let listed = try connection.damage.standing(limit: Self.listedDamage)
            var readOnly: Set<TorrentID> = []
            for id in Set(listed.map(\.torrent)) {
                if try connection.torrents.row(id)?.settings.isReadOnly == true { readOnly.insert(id) }
            }
            return ScrubStatus(
                control: control, labels: try connection.scrubs.labels(),
                ownPolicies: try connection.scrubs.ownPolicyCount(), isEngineRunning: engine.isRunning, volumes: rows,
                damage: listed, damageCount: try connection.damage.standingCount(),
                damagedTorrents: try connection.damage.torrents().count, readOnly: readOnly)
        }
    }

    /// What the user wants of scrubs.
    package struct ScrubOptions: Sendable {
        package let control: ScrubControl
        package let labels: [ScrubLabel]
        package let isEngineRunning: Bool
    }

    package func scrubControl() throws(StoreError) -> ScrubOptions {
        ScrubOptions(
            control: try connection.scrubs.control(), labels: try connection.scrubs.labels(),
            isEngineRunning: try engine().isRunning)
    }

    /// Changes what the user wants of scrubs; a running engine applies it.
    package func changeScrub(_ change: (inout ScrubControl) -> Void) throws(StoreError) -> ScrubControl {
        try connection.transaction { () throws(StoreError) in
            var control = try connection.scrubs.control()
            change(&control)
            try connection.scrubs.set(control)
            try connection.intents.append(.scrub, now: .now())
            return control
        }
    }

    /// Whose policy is changed.
    package enum ScrubScope: Sendable {
        case all
        case label(String)
        case torrents([String])
    }

    /// Sets the period of all torrents, of a label or of some torrents: zero means never, and `nil` the standard.
    /// Throws if no torrent has the label, unless its period is removed. Returns the torrents that were named.
    package func setScrubPeriod(_ period: Duration?, of scope: ScrubScope) throws(StoreError) -> [TorrentRow] {
        try connection.transaction { () throws(StoreError) in
            var named: [TorrentRow] = []
            switch scope {
            case .all:
                var control = try connection.scrubs.control()
                control.period = period.map { $0 > .zero ? $0 : nil } ?? ScrubControl.standardPeriod
                try connection.scrubs.set(control)
            case .label(let label):
                let isLeftOver = try connection.scrubs.labels().contains { $0.label == label }
                if period != nil || !isLeftOver { try connection.requireLabel(label) }
                try connection.scrubs.setPeriod(period, ofLabel: label)
            case .torrents(let names):
                named = try connection.findTorrents(names)
                for torrent in named { try connection.scrubs.setPeriod(period, of: torrent.id) }
            }
            try connection.intents.append(.scrub, now: .now())
            return named
        }
    }

    /// Allows repairs again on the volumes where many bad pieces stopped them: on these, or on all. What was found bad
    /// there is read again before it is fetched. Returns how many volumes there were.
    package func continueRepairs(on names: [String] = []) throws -> Int {
        let rows = try names.map { try volume($0) }
        return try connection.transaction { () throws(StoreError) in
            var volumes: [VolumeID] = rows.isEmpty ? try connection.scrubs.release() : []
            for row in rows { volumes += try connection.scrubs.release(row.id) }
            for volume in volumes {
                let name = try connection.volumes.row(volume)?.title ?? "a volume"
                try connection.events.append(.held, "repairs on \(name) are allowed again, by the user", now: .now())
            }
            for id in try connection.damage.torrents() {
                let held = try connection.damage.standing(of: id).filter {
                    $0.state == .held && $0.kind != .edit && $0.tries == 0
                        && ($0.volume.map(volumes.contains) ?? rows.isEmpty)
                }
                try release(held, of: id)
            }
            try connection.intents.append(.scrub, now: .now())
            return volumes.count
        }
    }

    /// The result of asking for a repair.
    package struct Repair: Sendable {
        package let torrent: TorrentRow
        /// The damage that stands.
        package let damage: [DamageRow]
        /// Pieces that are fetched now, and edits that stay.
        package let asked: Int
        package let kept: Int
        /// Why nothing is repaired, and what helps; `nil` if there is no reason.
        package let refusal: String?
    }

    /// Asks for the repair of the torrents' damage: pieces that were held are fetched, and sources are looked for
    /// again. Edits are overwritten only if `overwritesEdits`.
    package func repair(_ names: [String], overwritesEdits: Bool) throws -> [Repair] {
        let torrents = try connection.findTorrents(names)
        for torrent in torrents { try requireNoMove(of: torrent) }
        return try connection.transaction { () throws(StoreError) in
            var repairs: [Repair] = []
            for torrent in torrents {
                let damage = try connection.damage.standing(of: torrent.id)
                guard !torrent.settings.isReadOnly else {
                    repairs.append(
                        Repair(torrent: torrent, damage: damage, asked: 0, kept: 0, refusal: torrent.readOnlyRefusal))
                    continue
                }
                let kept = damage.filter { $0.kind == .edit && $0.state == .held && !overwritesEdits }
                let asked = damage.filter { row in !kept.contains(row) && row.state != .written }
                try release(asked.filter { $0.state == .held }, of: torrent.id)
                try connection.damage.setState(
                    torrent.id, asked.filter { $0.state == .unavailable }.map(\.piece), .waiting)
                if !asked.isEmpty {
                    try connection.events.append(
                        .repairAsked, "repair of \(Format.count(asked.count, "damaged piece")) asked for by the user",
                        torrent: torrent.id, now: .now())
                    try connection.intents.append(.repair, torrent: torrent.id, now: .now())
                }
                repairs.append(
                    Repair(
                        torrent: torrent, damage: try connection.damage.standing(of: torrent.id), asked: asked.count,
                        kept: kept.count, refusal: nil))
            }
            return repairs
        }
    }

    /// Lets held pieces be repaired: they are hashed once more, and fetched if they are bad. Their files, and no
    /// others, may be overwritten if another program changed them.
    private func release(_ held: [DamageRow], of id: TorrentID) throws(StoreError) {
        guard !held.isEmpty else { return }
        let pieces = held.map(\.piece)
        try connection.damage.setState(id, pieces, .waiting)
        guard let row = try connection.torrents.row(id), row.hasMetadata else { return }
        let have = try connection.pieces.have(of: id, count: row.pieceCount)
        // Unverified pieces are hashed by the engine before anything is fetched.
        try connection.pieces.addWriteIntents(
            id, pieces.filter { $0.value < row.pieceCount && !have[$0] }, now: .now())
        try connection.intents.append(.repair, torrent: id, now: .now())
    }
}

extension TorrentRow {
    /// Why the torrent isn't repaired.
    var readOnlyRefusal: String { "it is read-only: `pieces limit \(id) --read-only off` allows its repair" }
}

extension ScrubActivity {
    /// What it is once the engine knows what the user wants.
    fileprivate func under(_ control: ScrubControl) -> Self {
        switch self {
        case .reading, .idle: control.isPaused ? .paused : self
        case .paused: control.isPaused ? .paused : .idle
        case .away: .away
        }
    }
}
