import DHT
import Store
import Torrent

/// Searches in the DHT that begin with the sockets, before their torrents are loaded. So a restart asks for peers one
/// round trip earlier.
struct EarlySearches {
    /// The most torrents that are searched for early.
    static let most = 16
    /// How long the results wait for their torrents.
    private static let patience = Duration.seconds(60)
    /// The most peers of a torrent that wait.
    private static let mostPeers = 200

    /// A torrent that will probably be downloaded.
    struct Candidate: Sendable {
        let torrent: TorrentID
        let hash: PublicInfoHash
        let nearest: [NodeContact]
        /// When its next announce was planned.
        let due: Timestamp?
    }

    /// A search that has begun.
    struct Search {
        let candidate: Candidate
        /// The families in which it hasn't ended.
        var pending: Int
        var peers: [PeerAddress] = []
    }

    private var searches: [PublicInfoHash: Search] = [:]
    private var endsAt: Instant?

    subscript(hash: PublicInfoHash) -> Search? { searches[hash] }

    mutating func began(_ candidate: Candidate, families: Int, now: Instant) {
        searches[candidate.hash] = Search(candidate: candidate, pending: families)
        endsAt = now + Self.patience
    }

    mutating func found(_ peers: [PeerAddress], of hash: PublicInfoHash) {
        guard let count = searches[hash]?.peers.count else { return }
        searches[hash]?.peers += peers.prefix(max(0, Self.mostPeers - count))
    }

    mutating func ended(_ hash: PublicInfoHash) { searches[hash]?.pending -= 1 }

    /// The torrent is active, and takes over.
    mutating func take(_ hash: PublicInfoHash) -> Search? { searches.removeValue(forKey: hash) }

    /// Returns the torrents that weren't loaded in time; they count as forgotten.
    mutating func takeUnused(now: Instant) -> [PublicInfoHash] {
        guard let endsAt, now >= endsAt else { return [] }
        self.endsAt = nil
        defer { searches = [:] }
        return Array(searches.keys)
    }
}

extension EarlySearches.Candidate {
    /// The torrents of the scope that lack something, at most ``EarlySearches/most``.
    static func all(_ db: Connection, in scope: EngineSettings.Scope) throws(StoreError) -> [Self] {
        let ids: [TorrentID] =
            switch scope {
            case .all: try db.dht.incomplete(limit: EarlySearches.most)
            case .only(let ids): Array(ids.sorted().prefix(EarlySearches.most))
            }
        var all: [Self] = []
        for id in ids {
            // A row that can't be read is the loader's matter.
            do throws(StoreError) { if let candidate = try Self(id, db) { all.append(candidate) } } catch { continue }
        }
        return all
    }

    /// `nil` unless the torrent is public, lacks something, and isn't known to be unreachable.
    private init?(_ id: TorrentID, _ db: Connection) throws(StoreError) {
        guard let row = try db.torrents.row(id), !row.settings.isPaused, !row.isComplete || !row.hasMetadata,
            [.queued, .downloading, .checking, .metadata].contains(row.state),
            let hash = PublicInfoHash(row.infoHash, isPrivate: row.isPrivate)
        else { return nil }
        self.init(
            torrent: id, hash: hash, nearest: try db.dht.near(id).flatMap { [NodeContact]($0) },
            due: try db.dht.dueAt(id))
    }
}
