import Disk
package import Store
package import Swarm
package import Torrent

/// Conversions between database rows and the brain's values.

extension AddressBook.Entry {
    init(_ row: PeerRow, at now: Timestamp) {
        let isBanned = row.isBanned(at: now)
        // A banned incoming peer is matched by its host, because it returns from another port.
        let source: PeerSource =
            row.source == .manual ? .manual : isBanned && row.source == .incoming ? .incoming : .history
        self.init(address: row.address, source: source, at: row.firstSeen.rawValue)
        lastSeen = row.lastSeen.rawValue
        // A peer tried in an earlier run may be tried at once in this one.
        lastTried = nil
        lastConnected = row.lastConnected?.rawValue
        failures = row.failures
        downloadedBytes = row.downloadedBytes
        uploadedBytes = row.uploadedBytes
        hashFailures = row.hashFailures
        // An expired ban stays in the row without effect.
        banReason = isBanned ? row.banReason : nil
        client = row.client
        bestRate = Int(row.rate)
        toldGood = row.toldGood
        toldBad = row.toldBad
    }
}

extension PeerUpdate {
    /// Contains the changes since the entry was last saved.
    init(_ entry: AddressBook.Entry, since saved: SavedPeers.Totals?) {
        self.init(address: entry.address, source: entry.source)
        lastTried = entry.lastTried.map { Timestamp($0) }
        lastConnected = entry.lastConnected.map { Timestamp($0) }
        failures = entry.failures
        downloadedDelta = max(0, entry.downloadedBytes - (saved?.downloaded ?? 0))
        uploadedDelta = max(0, entry.uploadedBytes - (saved?.uploaded ?? 0))
        hashFailuresDelta = max(0, entry.hashFailures - (saved?.hashFailures ?? 0))
        toldGoodDelta = max(0, entry.toldGood - (saved?.toldGood ?? 0))
        toldBadDelta = max(0, entry.toldBad - (saved?.toldBad ?? 0))
        rate = Int64(entry.bestRate)
        client = entry.client
    }
}

extension LivePeerRow {
    init(_ peer: PeerReport) {
        var flags: Flags = []
        if peer.amChoking { flags.insert(.weChoke) }
        if peer.amInterested { flags.insert(.weAreInterested) }
        if peer.isChoking { flags.insert(.itChokes) }
        if peer.isInterested { flags.insert(.itIsInterested) }
        if peer.isSnubbed { flags.insert(.isSnubbed) }
        self.init(
            address: peer.address, isIncoming: peer.isIncoming, client: peer.client.isEmpty ? nil : peer.client,
            pieces: peer.havePieces,
            flags: flags, downloadRate: Int64(peer.downloadRate), uploadRate: Int64(peer.uploadRate),
            downloadedBytes: peer.downloaded,
            uploadedBytes: peer.uploaded, requests: peer.outstanding)
    }
}

extension Announcer {
    /// Creates the tiers as stored. They are shuffled once, if no tracker was ever announced to (BEP 12).
    ///
    /// A tracker that received `started` before the second after `start` may have received it from another run, and
    /// then knows that run's peer ID instead of ours. A second `started` does no harm.
    package init(rows: [TrackerRow], since start: Timestamp, using random: inout SeededGenerator) {
        let tiers = Dictionary(grouping: rows, by: \.tier).sorted { $0.key < $1.key }.map { _, rows in
            rows.sorted { $0.position < $1.position }.map { row in
                var tracker = Tracker(row)
                if (tracker.lastAnnounceAt ?? .epoch) <= start { tracker.isStarted = false }
                return tracker
            }
        }
        self.init(tiers: tiers, shuffledBy: &random, isFresh: rows.allSatisfy { $0.lastAnnounceAt == nil })
    }
}

extension Announcer.Tracker {
    init(_ row: TrackerRow) {
        self.init(url: row.url, tier: row.tier)
        trackerID = row.trackerID
        nextAnnounceAt = row.nextAnnounceAt ?? .epoch
        minimumAnnounceAt = row.minAnnounceAt ?? .epoch
        interval = row.interval
        minimumInterval = row.minInterval
        failures = row.failures
        lastAnnounceAt = row.lastAnnounceAt
        lastSuccessAt = row.lastSuccessAt
        lastError = row.lastError
        warning = row.warning
        seeders = row.seeders
        leechers = row.leechers
        downloads = row.downloads
        isStarted = row.isStarted
    }
}

extension Announcer {
    /// Returns the trackers as rows, in order.
    func rows(of torrent: TorrentID) -> [TrackerRow] {
        var positions: [Int: Int] = [:]
        return linedUp.map { tracker in
            defer { positions[tracker.tier, default: 0] += 1 }
            return TrackerRow(tracker, of: torrent, position: positions[tracker.tier, default: 0], lastScrapeAt: nil)
        }
    }
}

extension TrackerRow {
    init(_ tracker: Announcer.Tracker, of torrent: TorrentID, position: Int, lastScrapeAt: Timestamp?) {
        self.init(torrent: torrent, url: tracker.url, tier: tracker.tier, position: position)
        trackerID = tracker.trackerID
        nextAnnounceAt = tracker.nextAnnounceAt
        minAnnounceAt = tracker.minimumAnnounceAt
        interval = tracker.interval
        minInterval = tracker.minimumInterval
        failures = tracker.failures
        lastAnnounceAt = tracker.lastAnnounceAt
        lastSuccessAt = tracker.lastSuccessAt
        lastError = tracker.lastError
        warning = tracker.warning
        seeders = tracker.seeders
        leechers = tracker.leechers
        downloads = tracker.downloads
        self.lastScrapeAt = lastScrapeAt
        isStarted = tracker.isStarted
    }
}

extension PartialPiece {
    init(_ row: PartialPieceRow, blockCount: Int) {
        self.init(piece: row.piece, blocks: BlockSet(wire: row.blocks, count: blockCount))
    }
}
