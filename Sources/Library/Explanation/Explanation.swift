package import Store
package import Torrent
import Verification

/// Explains why a torrent isn't downloading or isn't faster, most likely cause first. It uses the database and, if
/// available, a check of the torrent's files.
package struct Explanation {
    /// The facts from which the causes are derived.
    package struct Facts {
        var torrent: TorrentRow
        var engine: EngineState
        /// The live status; present only if it is recent and the engine is running.
        var live: LiveRow?
        var connections: [LivePeerRow] = []
        var peers: [PeerRow] = []
        var trackers: [TrackerRow] = []
        var webSeeds: [WebSeedRow] = []
        /// The files that web seeds lack.
        var lackingFiles: [WebSeedFileRow] = []
        /// The paths of some of these files.
        var lackingPaths: [Int: String] = [:]
        /// The current state of the payload; `nil` if it wasn't checked.
        package var place: Place?
        /// The number of other torrents that are downloading now.
        var othersDownloading = 0
        /// For a queued torrent: how the engine uses its slots, the torrent's position in the queue, and the names of
        /// some torrents that hold the slots.
        var queue: QueueState?
        var turn = 0
        var holders: [String] = []
        var isUnverified = false
        /// The move of the payload that is under way.
        var move: MoveRow?
        /// The DHT of the running engine; `nil` for a private torrent, and without an engine.
        var dht: DHTStatus?
        /// The folder to which the torrent moves when it is complete.
        var destination: DestinationRow?
        /// The limits for all torrents together, and the download rate of all.
        var limits: LimitState?
        var rateOfAll: Int64 = 0
        /// What peers offer of the metadata, if it isn't known; `nil` while no peer offers any.
        var metadata: MetadataOffer?
        /// Damage that stands.
        var damage: [DamageRow] = []
        /// What became of the torrent if it was imported.
        var imported: ImportRow?
        /// Whether it is to be removed, and isn't yet.
        var isLeaving = false
        /// Why the metadata, which has arrived, can't be used.
        var unusableMetadata: String?
        var now: Timestamp

        package init(_ torrent: TorrentRow, _ engine: EngineState, _ connection: Connection, now: Timestamp)
            throws(StoreError)
        {
            self.torrent = torrent
            self.engine = engine
            self.now = now
            if engine.isRunning, let live = try connection.live.row(of: torrent.id), live.isFresh(now) {
                self.live = live
                connections = try connection.live.peers(of: torrent.id)
            }
            if engine.isRunning, !torrent.isPrivate { dht = try DHTStatus(engine, connection, now: now) }
            move = try connection.moves.row(torrent.id)
            isLeaving = try connection.intents.awaitsRemoval(torrent.id)
            damage = try connection.damage.standing(of: torrent.id)
            imported = try connection.imports.row(torrent.id)
            destination = try connection.destinations.row(torrent.id)
            limits = try LimitState(engine, connection)
            if limits?.report.download != nil { rateOfAll = try connection.live.downloadRate() }
            peers = try connection.peers.rows(of: torrent.id)
            trackers = try connection.trackers.rows(of: torrent.id)
            webSeeds = try connection.webSeeds.rows(of: torrent.id)
            if !webSeeds.isEmpty {
                let urls = Set(webSeeds.map(\.url))
                lackingFiles = try connection.webSeeds.files(of: torrent.id, since: now + (.zero - WebSeedTable.memory))
                    .filter { $0.lacking != nil && urls.contains($0.url) }
                for file in lackingFiles.prefix(Self.namedLackingFiles) {
                    lackingPaths[file.index] = try connection.paths.path(of: torrent.id, file: file.index)
                }
            }
            othersDownloading =
                try connection.torrents.count(in: .downloading) - (torrent.state == .downloading ? 1 : 0)
            let magnet = torrent.hasMetadata ? nil : try connection.magnets.row(torrent.id)
            unusableMetadata = magnet?.unusable
            if let magnet, let bytes = magnet.offeredBytes {
                metadata = MetadataOffer(
                    bytes: bytes, peers: live == nil ? 0 : magnet.offering,
                    blocks: try connection.magnets.blockCount(of: torrent.id, size: bytes))
            }
            guard torrent.state == .queued || isWaitingForMetadata else { return }
            queue = try QueueState(engine, connection)
            turn = try connection.queue.place(of: torrent.id)
            isUnverified = try connection.pieces.hasUnverified(torrent.id)
            holders = try connection.torrents.rows(
                in: isWaitingForCheck ? .checking : .downloading, limit: Self.namedHolders
            ).map(\.name)
        }

        /// The maximum number of files of web seeds that are named.
        static let namedLackingFiles = 3

        /// Whether nothing is to be fetched although the torrent isn't complete: what it lacks is kept as it is until
        /// the user decides, or may not be written.
        var fetchesNothing: Bool {
            guard !torrent.isComplete else { return false }
            return torrent.isServedAsItIs
                || !damage.isEmpty && damage.allSatisfy { $0.state == .held }
                    && torrent.wantedBytes - torrent.completedBytes <= damage.reduce(0) { $0 + $1.bytes }
        }

        /// The web seeds that the engine fetches from now.
        var liveWebSeeds: [WebSeedRow] { live == nil ? [] : webSeeds.filter { $0.isLive(now) && $0.liveRate > 0 } }

        /// The maximum number of slot holders that are named.
        private static let namedHolders = 3

        /// Whether the torrent waits for a slot to be checked, as far as the database shows.
        var isWaitingForCheck: Bool { (queue?.report.checks.waiting ?? 0) > 0 && (isUnverified || torrent.isComplete) }

        /// Whether the torrent's metadata is to be fetched, but the engine hasn't begun.
        var isWaitingForMetadata: Bool { torrent.state == .metadata && engine.isRunning && live == nil }

        /// The kind of slot that the torrent waits for, and the use of those slots.
        var awaited: (kind: SlotKind, use: SlotUse)? {
            guard let report = queue?.report else { return nil }
            let kind = isWaitingForCheck ? SlotKind.check : .download
            return report[kind].waiting > 0 ? (kind, report[kind]) : nil
        }
    }

    /// The result of checking the payload.
    package enum Place: Equatable {
        case reachable
        /// The payload can't be reached, for this reason; `allowsRelocation` if some of it is on the disk that is there
        /// instead.
        case offline(reason: String, allowsRelocation: Bool)
        /// The folder doesn't respond.
        case silent
    }

    /// One cause, and what can be done about it.
    package struct Cause: Equatable {
        /// One word for scripts.
        package let kind: Kind
        package let sentence: String
        /// What to do; `nil` if the user can only wait.
        package let advice: String?
    }

    package enum Kind: String, CaseIterable {
        case removing
        case complete, seeding, superSeeding = "super_seeding", moving, nothingWanted = "nothing_wanted", error, offline
        case paused, noEngine = "no_engine", noSpace = "no_space", notReported = "asleep", queued, checking
        case downloading, metadata
        case limited, noTrackers = "no_trackers", trackersFail = "trackers_fail", announceWaits = "announce_waits",
            noPeerHasIt = "nobody_has_it", dhtFails = "dht_fails"
        case noPeers = "no_peers", peersUnreachable = "peers_unreachable", peersBanned = "peers_banned", choked,
            nothingNew = "nothing_new", silent
        case webSeedsFail = "web_seeds_fail", webSeedLacksFile = "web_seed_lacks_file"
        case damaged, unhashed = "not_hashed", claimedWrongly = "wrong_claim"
    }

    /// The causes, most likely first; never empty.
    package let causes: [Cause]

    package init(_ facts: Facts) {
        guard !facts.isLeaving else {
            causes = [Self.removal(facts)]
            return
        }
        guard facts.torrent.hasMetadata else {
            self.causes = Self.metadata(facts)
            return
        }
        var causes = Self.standstill(facts) + Self.damage(facts) + Self.imported(facts)
        if facts.fetchesNothing {
            // What is kept as it is would not be fetched by an engine either.
            self.causes = facts.torrent.isServedAsItIs ? causes : causes.filter { $0.kind != .noEngine }
            return
        }
        if facts.torrent.isComplete || causes.first?.kind == .nothingWanted {
            if causes.first?.kind == .complete { causes += Self.superSeeding(facts) + Self.seeding(facts) }
            self.causes = causes
            return
        }
        let isActive = causes.allSatisfy { [.damaged, .unhashed, .claimedWrongly].contains($0.kind) }
        if isActive { causes += Self.pace(facts) }
        if facts.live.map({ $0.downloadRate == 0 }) ?? true {
            causes += Self.connections(facts)
            causes += Self.webSeeds(facts)
            causes += Self.sources(facts)
        } else {
            causes += Self.lackingFiles(facts)
        }
        if causes.isEmpty {
            causes.append(
                Cause(
                    kind: .silent, sentence: "it should be downloading; the database shows no reason why it isn't",
                    advice: "see `pieces log \(facts.torrent.id)`, or run the engine with --log-level debug"))
        }
        self.causes = causes
    }

    // MARK: What keeps it from running at all

    private static func removal(_ facts: Facts) -> Cause {
        facts.engine.isRunning
            ? Cause(kind: .removing, sentence: "it is being removed", advice: nil)
            : Cause(
                kind: .removing, sentence: "its removal was interrupted; the next engine ends it",
                advice:
                    "start `pieces run`, or repeat `pieces remove \(facts.torrent.id)` with the same options; adding the "
                    + "torrent again keeps it")
    }

    private static func standstill(_ facts: Facts) -> [Cause] {
        let torrent = facts.torrent
        if let move = facts.move, move.isHeld {
            return [
                Cause(
                    kind: .moving,
                    sentence: "it is being moved from \(move.source.printable) to \(move.target.printable)",
                    advice: "wait for `pieces move`; if it was interrupted, `pieces move \(torrent.id)` continues, and "
                        + "`pieces move \(torrent.id) \(move.source.printable)` undoes it")
            ]
        }
        if torrent.wantedBytes == 0, torrent.totalBytes > 0 {
            return [
                Cause(
                    kind: .nothingWanted, sentence: "no file with content is selected",
                    advice: "choose files with `pieces select \(torrent.id) …`")
            ]
        }
        // Unreachable files come first, because a torrent that can't be read must not be called complete.
        var causes = faults(facts)
        if torrent.isComplete {
            return causes.isEmpty
                ? [
                    Cause(
                        kind: .complete, sentence: "it is complete: all wanted pieces are verified", advice: nil)
                ] + folders(facts) : causes
        }
        if torrent.settings.isPaused {
            causes.append(
                Cause(kind: .paused, sentence: "it is paused", advice: "resume it with `pieces resume \(torrent.id)`"))
        }
        if !facts.engine.isRunning {
            causes.append(
                Cause(
                    kind: .noEngine, sentence: facts.engine.sentence,
                    advice: "start `pieces run`, or `pieces download \(torrent.id)`"))
            return causes
        }
        guard causes.isEmpty else { return causes }
        switch torrent.state {
        case .checking:
            causes.append(
                Cause(
                    kind: .checking,
                    sentence: "unverified pieces are being re-checked; the rest is downloaded meanwhile", advice: nil
                ))
        case .queued: causes.append(waiting(facts))
        default:
            // A torrent that only seeds may be dormant; then its damage is all that is to be said.
            if facts.live == nil, torrent.state == .downloading || facts.damage.isEmpty {
                causes.append(
                    Cause(
                        kind: .notReported, sentence: "the engine has not reported on it for a while",
                        advice: "see `pieces log \(torrent.id)`"))
            }
        }
        return causes
    }

    /// The move that follows the completion.
    private static func folders(_ facts: Facts) -> [Cause] {
        guard let destination = facts.destination else { return [] }
        let folder = destination.folder.printable
        return [
            Cause(
                kind: .moving,
                sentence: destination.problem.map { "it waits to move to \(folder): \($0.printable)" }
                    ?? "it moves from \(facts.torrent.output.printable) to \(folder)",
                advice: facts.engine.isRunning
                    ? "it moves automatically as soon as it can" : "start the engine with `pieces run`, which moves it")
        ]
    }

    /// Faults of this machine, according to the torrent's state or a check of its files.
    private static func faults(_ facts: Facts) -> [Cause] {
        let torrent = facts.torrent
        let reason = torrent.error.map { ": \($0.printable)" } ?? ""
        let wait = "it resumes automatically when its files can be reached, and nothing is downloaded again"
        if torrent.isServedAsItIs {
            return [Cause(kind: .error, sentence: "nothing is downloaded or repaired\(reason)", advice: nil)]
        }
        if torrent.state == .error {
            return [
                Cause(
                    kind: .error, sentence: "it stopped with an error\(reason)",
                    advice: torrent.settings.isPaused ? nil : "fix that; pieces retries automatically")
            ]
        }
        if torrent.state == .noSpace {
            return [
                Cause(
                    kind: .noSpace, sentence: "it \(torrent.error?.printable ?? "waits for space")",
                    advice:
                        "free some space or change the reserve with `pieces volumes`; a running engine starts it then")
            ]
        }
        switch facts.place {
        case .offline(let reason, let allowsRelocation):
            return [
                Cause(
                    kind: .offline, sentence: "its payload can't be reached: \(reason.printable)",
                    advice: allowsRelocation ? "\(wait); \(torrent.id.relocationAdvice)" : wait)
            ]
        case .silent:
            return [
                Cause(
                    kind: .offline, sentence: "its folder does not respond: \(torrent.output.printable)",
                    advice: "check the disk or the server that holds the folder; \(wait)")
            ]
        case .reachable where torrent.state == .offline:
            return [
                Cause(
                    kind: .offline, sentence: "its payload could not be reached before\(reason); it is back now",
                    advice: facts.engine.isRunning
                        ? "the engine checks again within a few minutes; `pieces resume \(torrent.id)` makes it check now"
                        : "start the engine with `pieces run`")
            ]
        case nil where torrent.state == .offline:
            return [
                Cause(
                    kind: .offline, sentence: "its payload can't be reached\(reason)",
                    advice: wait)
            ]
        case .reachable, nil: return []
        }
    }

    // MARK: What it does while it runs

    private static func pace(_ facts: Facts) -> [Cause] {
        guard let live = facts.live, live.downloadRate > 0 else { return [] }
        let left = live.timeLeft.map { ", \(Format.time($0)) left" } ?? ""
        var causes = [
            Cause(
                kind: .downloading,
                sentence:
                    "it is downloading at \(Format.rate(live.downloadRate)) from \(suppliers(facts, live))\(left)",
                advice: nil)
        ]
        // A rate within a tenth of the limit counts as limited.
        if let limit = facts.torrent.settings.limits.download, live.downloadRate * 10 >= limit * 9 {
            causes.append(
                Cause(
                    kind: .limited, sentence: "its own limit of \(Format.rate(limit)) slows it down",
                    advice: "remove the limit with `pieces limit \(facts.torrent.id) --download none`"))
        }
        if let limits = facts.limits, let limit = limits.report.download, facts.rateOfAll * 10 >= Int64(limit) * 9 {
            let which =
                limits.report.alternativeUntil.map { "alternative limit (until \(Format.moment($0)))" } ?? "limit"
            causes.append(
                Cause(
                    kind: .limited,
                    sentence: "the \(which) of \(LimitState.text(limit)) for all torrents together slows it down",
                    advice: "`pieces settings` shows the limits and where they come from"))
        }
        return causes
    }

    /// What the data comes from.
    private static func suppliers(_ facts: Facts, _ live: LiveRow) -> String {
        let peers = Format.count(live.peersConnected, "peer")
        let seeds = facts.liveWebSeeds
        guard !seeds.isEmpty else { return peers }
        let rate = Format.rate(seeds.reduce(0) { $0 + min($1.liveRate, 1 << 40) })
        let webSeeds = "\(Format.count(seeds.count, "web seed")) (\(rate))"
        return live.peersConnected == 0 ? "\(webSeeds), without peers" : "\(peers) and \(webSeeds)"
    }

    // MARK: Web seeds

    private static func webSeeds(_ facts: Facts) -> [Cause] {
        let failing = facts.webSeeds.filter { $0.lastError != nil }
        var causes: [Cause] = []
        if !facts.webSeeds.isEmpty, failing.count == facts.webSeeds.count,
            let last = failing.max(by: { ($0.restsUntil ?? .epoch) > ($1.restsUntil ?? .epoch) }),
            let error = last.lastError
        {
            causes.append(
                Cause(
                    kind: .webSeedsFail,
                    sentence:
                        "\(failing.count == 1 ? "its web seed fails" : "all \(failing.count) web seeds fail"): \(last.url.shownURL): \(error.printable)",
                    advice: "`pieces webseeds \(facts.torrent.id)` shows when pieces retries"))
        }
        return causes + lackingFiles(facts)
    }

    private static func lackingFiles(_ facts: Facts) -> [Cause] {
        facts.lackingFiles.prefix(Facts.namedLackingFiles).compactMap { file in
            guard let reason = file.lacking else { return nil }
            let path = facts.lackingPaths[file.index] ?? "file \(file.index &+ 1)"
            return Cause(
                kind: .webSeedLacksFile,
                sentence: "the web seed \(file.url.shownURL) can't deliver \(path.printable): \(reason.printable)",
                advice:
                    "the file has to come from peers or from another web seed; `pieces webseeds \(facts.torrent.id)` lists all such files"
            )
        }
    }

    private static func connections(_ facts: Facts) -> [Cause] {
        guard let live = facts.live, live.peersConnected > 0, !facts.connections.isEmpty else { return [] }
        let list = facts.connections
        let useful = list.filter { $0.flags.contains(.weAreInterested) }
        if useful.isEmpty {
            return [
                Cause(
                    kind: .nothingNew,
                    sentence:
                        "\(Format.count(list.count, "peer")) connected, but none has a piece that we need",
                    advice:
                        "wait for a peer with the missing pieces, or connect to one with "
                        + "`pieces download \(facts.torrent.id) --peer HOST:PORT`"
                )
            ]
        }
        if useful.allSatisfy({ $0.flags.contains(.itChokes) }) {
            return [
                Cause(
                    kind: .choked,
                    sentence:
                        "\(Format.count(useful.count, "peer")) with pieces we need, but all of them choke us: they serve others first",
                    advice: "wait, and allow uploads: peers prefer those that upload to them")
            ]
        }
        return [
            Cause(
                kind: .silent,
                sentence:
                    "\(Format.count(useful.count, "peer")) \(useful.count == 1 ? "has pieces we need but isn't" : "have pieces we need but aren't") sending",
                advice: nil)
        ]
    }

    // MARK: Where peers come from

    static func sources(_ facts: Facts) -> [Cause] {
        var causes: [Cause] = []
        let id = facts.torrent.id
        let trackers = facts.trackers
        let failing = trackers.filter { $0.failures > 0 }
        if trackers.isEmpty, facts.webSeeds.contains(where: { $0.lastError == nil }) {
            return peers(facts)
        }
        let dht = facts.dht.flatMap { $0.isRunning ? $0 : nil }
        if trackers.isEmpty, let dht, dht.problem == nil {
            causes.append(
                Cause(
                    kind: .noTrackers,
                    sentence: "it has no trackers; peers are looked for in the DHT (\(dht.sentence))",
                    advice: "wait for a peer, or give one with `pieces download \(id) --peer HOST:PORT`"))
        } else if trackers.isEmpty, dht == nil {
            causes.append(
                Cause(
                    kind: .noTrackers, sentence: "it has no trackers, so peers have to be given by hand",
                    advice: "give a peer with `pieces download \(id) --peer HOST:PORT`"))
        } else if trackers.isEmpty {
            causes.append(
                Cause(kind: .noTrackers, sentence: "it has no trackers, and the DHT finds no peers", advice: nil))
        } else if failing.count == trackers.count,
            let last = failing.max(by: { ($0.lastAnnounceAt?.rawValue ?? 0) < ($1.lastAnnounceAt?.rawValue ?? 0) })
        {
            let said = last.lastError.map { ": \(last.url.shownURL): \($0.printable)" } ?? ""
            causes.append(
                Cause(
                    kind: .trackersFail,
                    sentence:
                        "\(trackers.count == 1 ? "its tracker fails" : "all \(trackers.count) trackers fail")\(said)",
                    advice: "`pieces trackers \(id)` shows when pieces retries"))
        } else if let best = trackers.compactMap(\.seeders).max(), best == 0 {
            causes.append(
                Cause(
                    kind: .noPeerHasIt, sentence: "its trackers report no seeders",
                    advice: "wait for one, or look for the torrent elsewhere"))
        } else if trackers.allSatisfy({ $0.lastAnnounceAt == nil }), facts.engine.isRunning {
            causes.append(
                Cause(
                    kind: .announceWaits, sentence: "its trackers have not been contacted yet", advice: "wait a moment")
            )
        }
        if let problem = dht?.problem {
            causes.append(
                Cause(
                    kind: .dhtFails, sentence: "the DHT has too few nodes: \(problem.printable)",
                    advice: "`pieces dht` shows what it does; pieces retries automatically"))
        }
        causes += peers(facts)
        return causes
    }

    private static func peers(_ facts: Facts) -> [Cause] {
        let banned = facts.peers.filter { peer in peer.bannedUntil.map { $0 > facts.now } ?? false }
        let others = facts.peers.count - banned.count
        if facts.peers.isEmpty {
            let id = facts.torrent.id
            return [
                Cause(
                    kind: .noPeers, sentence: "it has no known peers",
                    advice: facts.trackers.isEmpty
                        ? nil
                        : "wait for the next announce, which `pieces trackers \(id)` shows, or give a peer with "
                            + "`pieces download \(id) --peer HOST:PORT`")
            ]
        }
        if others == 0 {
            return [
                Cause(
                    kind: .peersBanned,
                    sentence: "all \(facts.peers.count) known peers are banned for sending wrong data",
                    advice: "the torrent may be poisoned: compare its info hash with the publisher's")
            ]
        }
        let unreachable = facts.peers.filter { $0.failures > 0 }.count
        if facts.live.map({ $0.peersConnected == 0 }) ?? false, unreachable == others {
            return [
                Cause(
                    kind: .peersUnreachable, sentence: "\(Format.count(others, "peer")) known, but none can be reached",
                    advice: "check that this machine is online and that its firewall allows outgoing connections")
            ]
        }
        return []
    }
}
