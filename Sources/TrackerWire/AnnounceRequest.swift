import Torrent

/// What a client tells a tracker (BEP 3, BEP 15).
package struct AnnounceRequest: Hashable, Sendable {
    package enum Event: String, Hashable, Sendable {
        case started, completed, stopped
    }

    /// The peers that are asked for unless the caller says otherwise: what most trackers give to those who do not say.
    package static let defaultPeersWanted = 50

    package var infoHash: InfoHash
    package var peerID: PeerID
    /// The TCP port on which this client listens.
    package var port: UInt16
    /// Bytes sent to peers since `started` was announced.
    package var uploaded: Int64
    /// Bytes received from peers since `started` was announced.
    package var downloaded: Int64
    /// Bytes that are still wanted; 0 makes a seeder.
    package var left: Int64
    /// `nil` for an announce at the regular interval.
    package var event: Event?
    /// The peers that the answer may hold; 0 asks for none.
    package var peersWanted: Int
    /// By this number the tracker knows the client again when its address changes.
    package var key: UInt32
    /// What an earlier answer of this tracker asked to be told again.
    package var trackerID: [UInt8]?

    /// Negative counts are sent as 0: a tracker would refuse them, and no caller means them.
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

    /// Nobody who leaves a swarm needs peers.
    var numberWanted: Int32 { event == .stopped ? 0 : Int32(clamping: max(0, peersWanted)) }

    private var keyBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: key >> UInt32($0)) } }
}
