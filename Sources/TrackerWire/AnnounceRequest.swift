package import Torrent

/// The data that a client sends to a tracker (BEP 3, BEP 15).
package struct AnnounceRequest: Hashable, Sendable {
    package enum Event: String, Hashable, Sendable {
        case started, completed, stopped
    }

    /// The default number of requested peers, which is also what most trackers send by default.
    package static let defaultPeersWanted = 50

    package var infoHash: InfoHash
    package var peerID: PeerID
    /// The TCP port on which this client listens.
    package var port: UInt16
    /// The number of bytes sent to peers since `started` was announced.
    package var uploaded: Int64
    /// The number of bytes received from peers since `started` was announced.
    package var downloaded: Int64
    /// The number of bytes that are still wanted; 0 for a seeder.
    package var left: Int64
    /// The event; `nil` for an announce at the regular interval.
    package var event: Event?
    /// The maximum number of peers in the response; 0 requests none.
    package var peersWanted: Int
    /// A number by which the tracker recognizes the client after its address has changed.
    package var key: UInt32
    /// The tracker ID from an earlier response, which the tracker wants to receive again.
    package var trackerID: [UInt8]?

    /// Creates a request. Negative counts are sent as 0, because a tracker would reject them and no caller intends
    /// them.
    package init(
        infoHash: InfoHash, peerID: PeerID, port: UInt16, uploaded: Int64 = 0, downloaded: Int64 = 0, left: Int64,
        event: Event? = nil,
        peersWanted: Int = defaultPeersWanted, key: UInt32, trackerID: [UInt8]? = nil
    ) {
        self.infoHash = infoHash
        self.peerID = peerID
        self.port = port
        self.uploaded = uploaded
        self.downloaded = downloaded
        self.left = left
        self.event = event
        self.peersWanted = peersWanted
        self.key = key
        self.trackerID = trackerID
    }

    /// The query of an HTTP announce, without the `?` (BEP 3, BEP 23).
    package var httpQuery: String {
        var query =
            "info_hash=\(PercentEncoding.encode(infoHash.bytes))&peer_id=\(PercentEncoding.encode(peerID.bytes))&port=\(port)"
        query += "&uploaded=\(max(0, uploaded))&downloaded=\(max(0, downloaded))&left=\(max(0, left))"
        query += "&compact=1&no_peer_id=1&numwant=\(numberWanted)&key=\(Hex.encode(keyBytes))"
        if let event { query += "&event=\(event.rawValue)" }
        if let trackerID { query += "&trackerid=\(PercentEncoding.encode(trackerID))" }
        return query
    }

    /// The number of peers to request; 0 for a client that leaves the swarm.
    var numberWanted: Int32 { event == .stopped ? 0 : Int32(clamping: max(0, peersWanted)) }

    private var keyBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: key >> UInt32($0)) } }
}
