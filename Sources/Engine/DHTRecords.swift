import DHT
import Store
import Torrent

/// What the DHT has to store: collected for a few seconds, and written in one transaction.
struct DHTRecords: Sendable {
    private struct Place: Hashable {
        let torrent: TorrentID
        let family: AddressFamily
    }

    private struct Plan {
        var announced: Timestamp?
        var due: Timestamp
    }

    /// The most torrents whose results are kept while the database can't be written.
    private static let most = 1000

    private var near: [Place: [UInt8]] = [:]
    private var plans: [TorrentID: Plan] = [:]
    var nodes: [AddressFamily: [DHTNodeRow]] = [:]
    var rows: [DHTRow] = []

    var isEmpty: Bool { near.isEmpty && plans.isEmpty && nodes.isEmpty && rows.isEmpty }

    mutating func keep(_ nearest: [NodeContact], of torrent: TorrentID, _ family: AddressFamily) {
        guard !nearest.isEmpty, near.count < Self.most else { return }
        near[Place(torrent: torrent, family: family)] = nearest.flatMap(\.compact)
    }

    mutating func plan(_ torrent: TorrentID, announced: Timestamp?, due: Timestamp) {
        guard plans.count < Self.most || plans[torrent] != nil else { return }
        plans[torrent] = Plan(announced: announced ?? plans[torrent]?.announced, due: due)
    }

    mutating func forget(_ torrent: TorrentID) {
        plans[torrent] = nil
        for family in AddressFamily.allCases { near[Place(torrent: torrent, family: family)] = nil }
    }

    /// Writes everything in the transaction of the caller.
    func write(to db: Connection) throws(StoreError) {
        for (place, nodes) in near {
            try db.dht.saveNear(place.torrent, DHTNearRow(family: place.family, nodes: nodes))
        }
        for (id, plan) in plans { try db.dht.plan(id, announced: plan.announced, due: plan.due) }
        for (family, nodes) in nodes { try db.dht.save(nodes, of: family) }
        for row in rows { try db.dht.save(row) }
    }
}

/// What an earlier run stored of the DHT.
struct StoredDHT: Sendable {
    let rows: [DHTRow]
    let nodes: [DHTNodeRow]
    /// The torrents to search for at once.
    let early: [EarlySearches.Candidate]

    init(_ db: Connection, _ scope: EngineSettings.Scope, now: Timestamp) throws(StoreError) {
        try db.dht.hastenFar(longest: DHTSettings.announceInterval, now: now)
        rows = try db.dht.rows()
        nodes = try db.dht.nodes()
        // Without stored nodes there is nothing to ask yet.
        early = nodes.isEmpty ? [] : try EarlySearches.Candidate.all(db, in: scope)
    }

    /// The snapshot for the node. `clock` relates the stored times to the node's.
    func snapshot(_ clock: EngineClock) -> DHTSnapshot {
        let (now, today) = (clock.now, clock.timestamp)
        return DHTSnapshot(
            families: rows.reduce(into: [:]) { families, row in
                guard let id = NodeID(row.nodeID) else { return }
                let stored = nodes.filter { $0.family == row.family }.compactMap { node -> DHTSnapshot.Node? in
                    guard let id = NodeID(node.id) else { return nil }
                    return DHTSnapshot.Node(
                        contact: NodeContact(id: id, address: node.address), roundTrip: node.roundTrip,
                        answeredAt: node.lastAnswer.map { now + min(.zero, $0 - today) })
                }
                families[row.family] = DHTSnapshot.Family(
                    id: id, externalHost: row.externalAddress.flatMap { PeerAddress.Host($0) }, nodes: stored)
            })
    }
}

extension DHTNodeRow {
    init(_ node: DHTSnapshot.Node, _ clock: EngineClock) {
        let (now, today) = (clock.now, clock.timestamp)
        self.init(
            family: node.contact.address.family, address: node.contact.address, id: node.contact.id.bytes,
            lastAnswer: node.answeredAt.map { today + ($0 - now) }, roundTrip: node.roundTrip,
            isVerified: node.isVerified)
    }
}

extension [NodeContact] {
    /// The nodes of a stored row.
    init(_ row: DHTNearRow) {
        let length = NodeID.byteCount + (row.family == .v4 ? 6 : 18)
        self = stride(from: 0, to: row.nodes.count - row.nodes.count % length, by: length).compactMap {
            NodeContact(compact: row.nodes[$0..<$0 + length])
        }
    }
}
