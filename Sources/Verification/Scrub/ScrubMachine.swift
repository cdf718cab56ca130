import Disk
package import Store
package import Torrent

/// Decides what is scrubbed when: one reader for each physical device, the torrents first whose period ends first, at
/// the rate that the policy needs.
///
/// A pure machine without a clock, as `Swarm` is: each event takes the time and adds ``Effect``s, which the shell
/// performs in order and answers. An answer that doesn't fit the state is ignored.
///
/// - The user: ``control(_:now:)``
/// - Surveys: ``surveyed(_:now:)``
/// - Turns: ``found(_:on:now:)``, ``began(_:on:bytes:now:)``, ``refused(_:on:_:now:)``, ``read(_:on:isLast:now:)``,
///   ``corrects(_:on:now:)``, ``brokeOff(on:isVolumeAway:now:)``, ``ended(on:now:)``
/// - Peers: ``peersRead(quiet:disturbed:on:now:)``
/// - Time: ``wake(now:)``, ``nextWake``
package struct ScrubMachine: Sendable {
    /// A device, or several that are read as one because a volume spans them.
    package struct ReaderID: Hashable, Comparable, Sendable, CustomStringConvertible {
        package let name: String

        package init(_ name: String) { self.name = name }

        package static func < (a: Self, b: Self) -> Bool { a.name < b.name }
        package var description: String { name }
    }

    /// A volume as it was found.
    package struct Survey: Sendable, Hashable {
        /// `nil` for torrents whose volume isn't known yet.
        package let volume: VolumeID?
        /// The disks that it is on.
        package let devices: Set<String>
        package let loads: [ScrubLoad]
        /// Whether the volume can't be reached.
        package let isAway: Bool

        package init(volume: VolumeID?, devices: Set<String>, loads: [ScrubLoad], isAway: Bool = false) {
            self.volume = volume
            self.devices = devices
            self.loads = loads
            self.isAway = isAway
        }
    }

    /// What has to be done.
    package enum Effect: Sendable, Hashable {
        /// Find out what is on which device; answered by ``surveyed(_:now:)``.
        case survey
        /// Find torrents that are due on these volumes; answered by ``found(_:on:now:)``.
        case find(ReaderID, Set<VolumeID?>, backlog: Duration, youngest: Duration, except: Set<TorrentID>)
        /// Look at the torrent and its files; answered by ``began(_:on:bytes:now:)`` or ``refused(_:on:_:now:)``.
        case begin(ReaderID, TorrentID)
        /// Read the next pieces of the turn; answered by ``read(_:on:isLast:now:)``.
        case read(ReaderID, bytes: Int, priority: Priority)
        /// Record what the turn has found, and forget it; answered by ``ended(on:now:)``.
        case end(ReaderID)
        /// Everything that was to be read at once was read.
        case caughtUp
    }

    /// How urgent reads are to the system's scheduler.
    package enum Priority: Sendable, Hashable {
        case idle
        /// The user asked to read everything now.
        case low
    }

    /// Why a torrent's turn doesn't begin.
    package enum Refusal: Sendable, Hashable {
        /// Nothing of it is due any more.
        case nothingDue
        /// It can't be read now: it is being moved or removed, or its files can't be reached.
        case unreadable
        /// Its whole volume is away.
        case volumeAway
    }

    package static let surveyInterval = Duration.seconds(15 * 60)
    /// When a reader without anything due looks again.
    package static let lookInterval = Duration.seconds(60)
    /// How long a torrent that can't be read is left alone.
    package static let refusedFor = Duration.seconds(3600)
    /// How long a volume that is away is left alone.
    package static let awayFor = Duration.seconds(300)
    /// When a torrent is tried again that another reader is reading.
    private static let busyFor = Duration.seconds(5)
    /// Torrents of one search.
    package static let searchLimit = 200
    private static let mostRefused = 10_000

    private enum Phase: Sendable, Hashable {
        case idle(until: Instant)
        case searching
        case beginning(TorrentID)
        case reading(TorrentID, inFlight: Int, isTaken: Bool)
        case ending(TorrentID)
    }

    private struct Reader: Sendable {
        var devices: Set<String>
        var volumes: [VolumeID?]
        var loads: [ScrubLoad]
        var phase: Phase
        var line: [TorrentID] = []
        var pace: ScrubPace
        /// Bytes of the turn and of the line, as far as they are known.
        var dueBytes: Int64 = 0
        /// Whether the last search found nothing on its volumes, all of which are there.
        var isCaughtUp = false
        /// Whether it has read what was to be read at once, so that its usual pace holds again.
        var isAtUsualPace = false

        /// Whether it reads, or is between two turns. With small torrents, it mostly is.
        func isAtWork(now: Instant) -> Bool {
            switch phase {
            case .reading, .beginning, .ending: true
            case .searching: pace.measured(now: now) > 0
            case .idle(let until): until <= now && pace.measured(now: now) > 0
            }
        }
    }

    package private(set) var control: ScrubControl?
    private var readers: [ReaderID: Reader] = [:]
    private var surveyAt: Instant?
    private var isSurveying = false
    private var refused: [TorrentID: Instant] = [:]
    private var away: [VolumeID?: Instant] = [:]
    private var isStopped = false
    private var effects: [Effect] = []

    /// The first survey is made at `start`.
    package init(start: Instant) { surveyAt = start }

    /// Takes an event at this time.
    package mutating func take(_ event: (inout ScrubMachine, Instant) -> Void, _ now: Instant) { event(&self, now) }

    package mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    // MARK: Questions

    package var readerIDs: [ReaderID] { readers.keys.sorted() }

    /// The torrents that are being read.
    package var torrents: [ReaderID: TorrentID] {
        readers.compactMapValues { reader -> TorrentID? in
            switch reader.phase {
            case .reading(let id, _, _), .beginning(let id), .ending(let id): id
            case .idle, .searching: nil
            }
        }
    }

    /// What `pieces scrub` shows of each volume.
    package func reports(now: Instant) -> [ScrubReport] {
        readers.sorted { $0.key < $1.key }.flatMap { _, reader -> [ScrubReport] in
            let isReading = reader.isAtWork(now: now)
            return reader.volumes.compactMap { volume in
                guard let volume else { return nil }
                let isAway = away[volume].map { $0 > now } ?? false
                let activity: ScrubActivity =
                    isAway ? .away : control?.isPaused == true ? .paused : isReading ? .reading : .idle
                return ScrubReport(
                    volume: volume, rate: isReading ? reader.pace.measured(now: now) : 0,
                    rateLimit: reader.pace.rate.map { Int64($0) }, dueBytes: max(0, reader.dueBytes),
                    activity: activity)
            }
        }
    }

    /// When ``wake(now:)`` is due.
    package var nextWake: Instant? {
        guard !isStopped, let control else { return nil }
        var times = [isSurveying ? nil : surveyAt]
        if !control.isPaused {
            for reader in readers.values {
                switch reader.phase {
                case .idle(let until): times.append(until)
                case .reading(_, let inFlight, false) where inFlight < mostInFlight(reader):
                    times.append(reader.pace.waits(now: .origin) ?? .origin)
                case .searching, .beginning, .reading, .ending: break
                }
            }
        }
        return times.compactMap(\.self).min()
    }

    // MARK: The user

    /// What the user wants was read, or has changed.
    package mutating func control(_ new: ScrubControl, now: Instant) {
        guard new != control else { return }
        let isNews = control != nil
        let asksForMore = new.since != control?.since || new.period != control?.period
        control = new
        if isNews, asksForMore { surveyAt = now }
        if asksForMore {
            refused = [:]
            away = [:]
            for (id, reader) in readers {
                readers[id]?.isCaughtUp = false
                readers[id]?.isAtUsualPace = false
                if case .idle = reader.phase { readers[id]?.phase = .idle(until: now) }
            }
        }
        for id in readers.keys { setLimit(of: id, now: now) }
        wake(now: now)
    }

    /// The periods of torrents changed, or something else that a survey finds.
    package mutating func hasNews(now: Instant) {
        surveyAt = now
        refused = [:]
        for (id, reader) in readers { if case .idle = reader.phase { readers[id]?.phase = .idle(until: now) } }
        wake(now: now)
    }

    /// A volume that was away is there again.
    package mutating func volumeIsBack(_ id: VolumeID, now: Instant) {
        guard away.removeValue(forKey: id) != nil else { return }
        surveyAt = now
        wake(now: now)
    }

    /// A torrent's volume became known.
    package mutating func surveySoon(now: Instant) {
        if let at = surveyAt { surveyAt = min(at, now + Self.busyFor) }
    }

    /// Turns end after the reads under way.
    package mutating func stop(now: Instant) {
        isStopped = true
        for id in readers.keys { endIfStopped(id) }
    }

    // MARK: Surveys

    /// The volumes were looked at. Those that share a disk get one reader.
    package mutating func surveyed(_ surveys: [Survey], now: Instant) {
        guard isSurveying else { return }
        isSurveying = false
        surveyAt = now + Self.surveyInterval
        var groups: [(devices: Set<String>, surveys: [Survey])] = []
        for survey in surveys {
            if survey.isAway { away[survey.volume] = now + Self.awayFor }
            let joined = groups.filter { !$0.devices.isDisjoint(with: survey.devices) }
            groups.removeAll { !$0.devices.isDisjoint(with: survey.devices) }
            groups.append(
                (
                    joined.reduce(survey.devices) { $0.union($1.devices) },
                    joined.flatMap(\.surveys) + [survey]
                ))
        }
        var found: [ReaderID: Reader] = [:]
        for group in groups {
            let id = ReaderID(group.devices.sorted().joined(separator: "+"))
            let loads = group.surveys.flatMap(\.loads)
            let volumes = group.surveys.map(\.volume)
            if var known = readers.removeValue(forKey: id) {
                known.loads = loads
                known.volumes = volumes
                found[id] = known
            } else {
                found[id] = Reader(
                    devices: group.devices, volumes: volumes, loads: loads, phase: .idle(until: now),
                    pace: ScrubPace(limit: nil))
            }
        }
        // A device that is gone, or is read together with others from now on, ends its turn first.
        for (id, var reader) in readers {
            if case .idle = reader.phase { continue }
            reader.line = []
            reader.volumes = []
            reader.loads = []
            found[id] = reader
        }
        readers = found
        for id in readers.keys { setLimit(of: id, now: now) }
        wake(now: now)
    }

    private mutating func setLimit(of id: ReaderID, now: Instant) {
        guard let reader = readers[id], let control else { return }
        let needed = ScrubPace.rate(for: reader.loads.compactMap { load in load.period.map { (load.bytes, $0) } })
        let limit = control.rate ?? (control.since == nil || reader.isAtUsualPace ? needed : nil)
        readers[id]?.pace.change(limit: limit, now: now)
    }

    // MARK: Turns

    /// Torrents that are due, in the order of their turns.
    package mutating func found(_ torrents: [TorrentID], on id: ReaderID, now: Instant) {
        guard case .searching? = readers[id]?.phase else { return }
        guard !torrents.isEmpty else { return rest(id, now: now) }
        readers[id]?.line = torrents
        readers[id]?.isCaughtUp = false
        next(id, now: now)
    }

    /// Nothing is due on the device.
    private mutating func rest(_ id: ReaderID, now: Instant) {
        readers[id]?.dueBytes = 0
        // What is to be read at once on a volume that is away is read when it is back.
        let isWhole = readers[id]?.volumes.allSatisfy { away[$0].map { $0 <= now } ?? true } ?? true
        readers[id]?.isCaughtUp = isWhole
        readers[id]?.phase = .idle(until: now + Self.lookInterval)
        if isWhole, control?.since != nil, readers[id]?.isAtUsualPace == false {
            readers[id]?.isAtUsualPace = true
            setLimit(of: id, now: now)
        }
        considerCaughtUp()
    }

    /// Begins the turn of the next torrent in the line, or searches again.
    private mutating func next(_ id: ReaderID, now: Instant) {
        guard var reader = readers[id] else { return }
        if isStopped || reader.volumes.isEmpty {
            readers[id]?.phase = .idle(until: now + Self.lookInterval)
            if reader.volumes.isEmpty { readers[id] = nil }
            return
        }
        // Two readers never read one torrent, even if its files are on both devices.
        let busy = Set(torrents.filter { $0.key != id }.values)
        var pause = Duration.zero
        while let torrent = reader.line.first {
            reader.line.removeFirst()
            if refused[torrent].map({ $0 > now }) ?? false { continue }
            if busy.contains(torrent) {
                pause = Self.busyFor
                continue
            }
            reader.phase = .beginning(torrent)
            readers[id] = reader
            effects.append(.begin(id, torrent))
            return
        }
        reader.dueBytes = 0
        reader.phase = .idle(until: now + pause)
        readers[id] = reader
    }

    /// The torrent's turn begins with so many bytes to read.
    package mutating func began(_ torrent: TorrentID, on id: ReaderID, bytes: Int64, now: Instant) {
        guard case .beginning(torrent)? = readers[id]?.phase else { return }
        readers[id]?.phase = .reading(torrent, inFlight: 0, isTaken: false)
        readers[id]?.dueBytes = bytes
        pump(id, now: now)
    }

    package mutating func refused(_ torrent: TorrentID, on id: ReaderID, _ refusal: Refusal, now: Instant) {
        guard case .beginning(torrent)? = readers[id]?.phase else { return }
        switch refusal {
        case .nothingDue, .unreadable:
            if refused.count >= Self.mostRefused { refused = refused.filter { $0.value > now } }
            refused[torrent] = now + (refusal == .nothingDue ? Self.lookInterval : Self.refusedFor)
        case .volumeAway:
            for volume in readers[id]?.volumes ?? [] { away[volume] = now + Self.awayFor }
            readers[id]?.line = []
        }
        next(id, now: now)
    }

    /// A read ended, of so many bytes. `isLast` if no piece of the turn is left to be taken.
    package mutating func read(_ bytes: Int, on id: ReaderID, isLast: Bool, now: Instant) {
        guard case .reading(let torrent, let inFlight, let isTaken)? = readers[id]?.phase else { return }
        readers[id]?.phase = .reading(torrent, inFlight: max(0, inFlight - 1), isTaken: isTaken || isLast)
        readers[id]?.dueBytes -= Int64(bytes)
        pump(id, now: now)
    }

    /// The turn is over, because its files can't be read any more.
    package mutating func brokeOff(on id: ReaderID, isVolumeAway: Bool, now: Instant) {
        guard case .reading(let torrent, let inFlight, _)? = readers[id]?.phase else { return }
        readers[id]?.phase = .reading(torrent, inFlight: inFlight, isTaken: true)
        if isVolumeAway {
            for volume in readers[id]?.volumes ?? [] { away[volume] = now + Self.awayFor }
            readers[id]?.line = []
        }
        refused[torrent] = now + Self.awayFor
        pump(id, now: now)
    }

    /// What the turn has found is recorded.
    package mutating func ended(on id: ReaderID, now: Instant) {
        guard case .ending? = readers[id]?.phase else { return }
        next(id, now: now)
    }

    private func mostInFlight(_ reader: Reader) -> Int { reader.pace.rate == nil ? ScrubReader.mostAtOnce : 1 }

    /// Starts reads as far as the pace allows, and ends a turn that has none left.
    private mutating func pump(_ id: ReaderID, now: Instant) {
        guard let control else { return }
        while var reader = readers[id], case .reading(let torrent, let inFlight, let isTaken) = reader.phase {
            if isTaken || isStopped || control.isPaused {
                guard inFlight == 0 else { return }
                reader.phase = .ending(torrent)
                readers[id] = reader
                effects.append(.end(id))
                return
            }
            guard inFlight < mostInFlight(reader), reader.pace.waits(now: now) == nil else { return }
            let bytes = reader.pace.batch
            reader.pace.took(bytes, now: now)
            reader.phase = .reading(torrent, inFlight: inFlight + 1, isTaken: false)
            readers[id] = reader
            effects.append(.read(id, bytes: bytes, priority: control.since == nil ? .idle : .low))
        }
    }

    /// A read turned out to have another length than was asked for.
    package mutating func corrects(_ difference: Int, on id: ReaderID, now: Instant) {
        readers[id]?.pace.took(difference, now: now)
    }

    private mutating func endIfStopped(_ id: ReaderID) { pump(id, now: .origin) }

    /// With everything read that was to be read at once, the usual pace holds again.
    private mutating func considerCaughtUp() {
        guard control?.since != nil,
            readers.values.allSatisfy(\.isCaughtUp)
        else { return }
        effects.append(.caughtUp)
    }

    // MARK: Peers and time

    package mutating func peersRead(
        quiet: LatencyGuard.Reads, disturbed: LatencyGuard.Reads, on id: ReaderID, now: Instant
    ) {
        readers[id]?.pace.peersRead(quiet: quiet, disturbed: disturbed, now: now)
    }

    package mutating func wake(now: Instant) {
        guard !isStopped, let control else { return }
        if let surveyAt, !isSurveying, now >= surveyAt {
            isSurveying = true
            effects.append(.survey)
        }
        for id in readers.keys.sorted() {
            guard let reader = readers[id] else { continue }
            switch reader.phase {
            case .idle(let until):
                guard !control.isPaused, now >= until else { continue }
                search(id, reader, control, now: now)
            case .reading: pump(id, now: now)
            case .searching, .beginning, .ending: break
            }
        }
    }

    private mutating func search(_ id: ReaderID, _ reader: Reader, _ control: ScrubControl, now: Instant) {
        away = away.filter { $0.value > now }
        let volumes = Set(reader.volumes).subtracting(away.keys)
        let periods = reader.loads.compactMap(\.period)
        guard !volumes.isEmpty, let shortest = periods.min() else { return rest(id, now: now) }
        let bytes = reader.loads.reduce(Int64(0)) { $0 + ($1.period == nil ? 0 : $1.bytes) }
        let rate = reader.pace.limit ?? 50_000_000
        let backlog = Duration.seconds(Double(bytes) / Double(max(1, rate)))
        readers[id]?.phase = .searching
        effects.append(
            .find(
                id, volumes, backlog: backlog, youngest: Self.dueAge(shortest, backlog: backlog),
                except: Set(refused.filter { $0.value > now }.keys)))
    }

    /// The age from which pages are read: late enough that a small archive is read in one go, and early enough that
    /// everything is read in time even if all of it was verified on one day.
    package static func dueAge(_ period: Duration, backlog: Duration) -> Duration {
        max(period * ScrubTable.Due.earliest, period * ScrubTable.Due.latest - backlog)
    }
}
