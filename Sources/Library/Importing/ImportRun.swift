import Disk
import Engine
import Import
import Store
import System
import SystemPackage
import Torrent

/// Adds the torrents of a survey to the database, some hundreds in a transaction. Their payload is unverified.
struct ImportRun {
    /// Torrents in one transaction: so many that few waits for the disk are needed, and so few that other commands wait
    /// less than a second.
    private static let batch = 250
    /// Bytes of .torrent files of one transaction, from which it has no more torrents.
    private static let batchBytes = 32 << 20

    let library: Library
    private var connection: Connection { library.connection }

    /// A torrent with what was found on the disk, so that others who wait for the database wait for nothing else.
    private struct Prepared {
        let index: Int
        let foreign: ForeignTorrent
        /// `nil` for a magnet link.
        var candidate: ImportCandidate?
        /// The output folder without links.
        var resolvedOutput: String
        var destinationMount: String?
    }

    /// Adds the new torrents; those that are refused get the reason as their verdict.
    func insert(_ survey: inout ImportSurvey, stop: () -> Bool) throws {
        try connection.expectLargeTransaction()
        var new = survey.items.indices.filter { [.new, .magnet].contains(survey.items[$0].verdict) }[...]
        while !new.isEmpty, !stop() {
            let batch = try prepare(&new, &survey)
            var results: [(Int, ImportItem)] = []
            try connection.transaction { () throws(StoreError) in
                results = []
                for prepared in batch {
                    var item = survey.items[prepared.index]
                    do {
                        try insert(prepared, from: survey.path(of: prepared.index), &item)
                    } catch let error as StoreError { throw error } catch {
                        item.verdict = .refused("\(error)")
                    }
                    results.append((prepared.index, item))
                }
            }
            for (index, item) in results { survey.update(index) { $0 = item } }
        }
    }

    /// Takes the torrents of one transaction from `new`.
    private func prepare(_ new: inout ArraySlice<Int>, _ survey: inout ImportSurvey) throws -> [Prepared] {
        var batch: [Prepared] = []
        var bytes = 0
        var resolved: [FileName: String] = [:]
        while batch.count < Self.batch, bytes < Self.batchBytes, let index = new.popFirst() {
            do {
                let foreign = try survey.foreign(index)
                let candidate = survey.items[index].verdict == .magnet ? nil : try survey.candidate(foreign)
                let output = candidate?.place.output ?? survey.items[index].output
                let place = resolved[FileName(output)] ?? PathConflicts.resolved(output)
                resolved[FileName(output)] = place
                batch.append(
                    Prepared(
                        index: index, foreign: foreign, candidate: candidate, resolvedOutput: place,
                        destinationMount: candidate?.destination.flatMap { AddRequest.mountPath(holding: $0) }))
                bytes += foreign.file?.count ?? 0
            } catch let error as StoreError { throw error } catch {
                survey.update(index) { $0.verdict = .refused("\(error)") }
            }
        }
        return batch
    }

    private func insert(_ prepared: Prepared, from source: String, _ item: inout ImportItem) throws {
        let foreign = prepared.foreign
        guard let candidate = prepared.candidate else {
            return try insertMagnet(foreign, from: source, &item, prepared.resolvedOutput)
        }
        let metainfo = try candidate.named()
        if let row = try connection.torrents.row(metainfo.infoHash) {
            item.verdict = .known(row.id)
            return
        }
        let output = candidate.place.output
        let conflicts = try PathConflicts(connection, output: output, resolved: prepared.resolvedOutput) {
            "leave the files to torrent \($0), or give its folder with --map"
        }
        if let reason = try conflicts.refusal(of: metainfo, wanted: candidate.wanted) { throw Failure(reason) }
        var settings = candidate.settings
        settings.isPaused = item.isPaused
        var new = NewTorrent(
            metainfo: metainfo, output: output, resolvedOutput: conflicts.resolvedOutput, settings: settings,
            wanted: candidate.wanted.allSatisfy(\.self) ? nil : candidate.wanted)
        new.renames = candidate.renames
        new.replacedTrackers = foreign.trackers?.map { tier in tier.compactMap { AnnounceList.tracker($0) } }
        let now = Timestamp.now()
        let id = try connection.torrents.insert(new, now: now)
        item.id = id
        if let destination = candidate.destination {
            try connection.destinations.set(id, folder: destination, mountPath: prepared.destinationMount)
        }
        for label in foreign.labels.compactMap({ LabelName.checked($0) }) { try connection.labels.add(label, to: id) }
        try insertSources(foreign, metainfo, id, now)
        var record = NewImport(client: item.client.rawValue, source: source)
        record.rank = item.rank.rawValue
        record.bytes = item.bytes
        record.claim = candidate.claim
        record.omitted = item.omission
        try connection.imports.insert(id, record, candidate.past(now: now), now: now)
        if candidate.isEmpty { try connection.imports.end(id, wrong: 0, missing: 0, now: now) }
        let rest = item.omission.map { "; not carried over: \($0)" } ?? ""
        try connection.events.append(.imported, "from \(item.client.title)\(rest)", torrent: id, now: now)
        try connection.intents.append(.added, torrent: id, now: now)
    }

    /// Web seeds and peers. Peers of a private torrent come from its trackers.
    private func insertSources(
        _ foreign: ForeignTorrent, _ metainfo: Metainfo, _ id: TorrentID, _ now: Timestamp
    ) throws(StoreError) {
        if let seeds = foreign.webSeeds {
            let usable = seeds.compactMap { AnnounceList.webSeed($0) }
            let gone = metainfo.webSeeds.filter { !usable.contains($0) }
            if !gone.isEmpty { _ = try connection.webSeeds.remove(torrent: id, urls: gone) }
            let added = usable.filter { !metainfo.webSeeds.contains($0) }
            if !added.isEmpty { try connection.webSeeds.add(torrent: id, urls: added, origin: .user) }
        }
        if !metainfo.isPrivate {
            let peers = foreign.peers.prefix(ForeignTorrent.maximumPeers)
            try connection.peers.save(id, peers.map { PeerUpdate(address: $0, source: .history) }, now: now)
        }
        for peer in foreign.bannedPeers.prefix(ForeignTorrent.maximumPeers) {
            try connection.peers.ban(
                id, peer, until: now + PeerRow.banTime, reason: "banned by the client that it was imported from",
                now: now)
        }
    }

    /// Adds a torrent whose .torrent is missing. It is hashed once its metadata has arrived.
    private func insertMagnet(
        _ foreign: ForeignTorrent, from source: String, _ item: inout ImportItem, _ resolved: String
    ) throws {
        guard let hash = foreign.infoHash else { throw Failure("its .torrent is missing: `pieces add` it") }
        if let row = try connection.torrents.row(hash) {
            item.verdict = .known(row.id)
            return
        }
        let link = MagnetLink(
            infoHash: hash, name: foreign.name, trackers: Array((foreign.trackers ?? []).joined()),
            webSeeds: foreign.webSeeds ?? [])
        let conflicts = try PathConflicts(connection, output: item.output, resolved: resolved)
        var settings = TorrentSettings()
        settings.isSequential = foreign.isSequential
        var new = NewMagnet(
            link: link, output: item.output, resolvedOutput: conflicts.resolvedOutput, settings: settings)
        new.pausesAfter = item.isPaused
        let now = Timestamp.now()
        let id = try connection.magnets.insert(new, now: now)
        item.id = id
        for label in foreign.labels.compactMap({ LabelName.checked($0) }) { try connection.labels.add(label, to: id) }
        var record = NewImport(client: item.client.rawValue, source: source)
        record.rank = item.rank.rawValue
        record.omitted = item.omission
        try connection.imports.insert(id, record, foreign.counters, now: now)
        let rest = item.omission.map { "; not carried over: \($0)" } ?? ""
        try connection.events.append(
            .imported, "from \(item.client.title), as a magnet link, because its .torrent is missing\(rest)",
            torrent: id, now: now)
        try connection.intents.append(.added, torrent: id, now: now)
    }
}
