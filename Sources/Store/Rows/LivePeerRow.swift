package import Torrent

/// A running engine's report on a connection. It is valid only while its torrent's ``LiveRow`` is fresh.
package struct LivePeerRow: Row, Sendable, Hashable {
    /// The choke and interest states of both sides (BEP 3), as the database's bits.
    package struct Flags: OptionSet, Hashable, Sendable, SQLValue {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let weChoke = Flags(rawValue: 1)
        package static let weAreInterested = Flags(rawValue: 2)
        package static let itChokes = Flags(rawValue: 4)
        package static let itIsInterested = Flags(rawValue: 8)
        /// The peer owes blocks and has sent none for a while.
        package static let isSnubbed = Flags(rawValue: 16)
    }

    package let address: PeerAddress
    package let isIncoming: Bool
    package let client: String?
    /// The number of pieces that the peer has.
    package let pieces: Int
    package let flags: Flags
    /// Bytes per second.
    package let downloadRate: Int64
    /// Bytes per second.
    package let uploadRate: Int64
    /// In this connection.
    package let downloadedBytes: Int64
    /// In this connection.
    package let uploadedBytes: Int64
    /// Blocks that we requested and have not received yet.
    package let requests: Int

    package init(
        address: PeerAddress, isIncoming: Bool, client: String?, pieces: Int, flags: Flags, downloadRate: Int64,
        uploadRate: Int64,
        downloadedBytes: Int64, uploadedBytes: Int64, requests: Int
    ) {
        self.address = address
        self.isIncoming = isIncoming
        self.client = client
        self.pieces = pieces
        self.flags = flags
        self.downloadRate = downloadRate
        self.uploadRate = uploadRate
        self.downloadedBytes = downloadedBytes
        self.uploadedBytes = uploadedBytes
        self.requests = requests
    }

    package static let columns =
        "address, incoming, client, pieces, flags, download_rate, upload_rate, downloaded_bytes, uploaded_bytes, requests"

    package init(_ row: Statement) throws(StoreError) {
        address = try row.next()
        isIncoming = try row.next()
        client = try row.next()
        pieces = try row.next()
        flags = try row.next()
        downloadRate = try row.next()
        uploadRate = try row.next()
        downloadedBytes = try row.next()
        uploadedBytes = try row.next()
        requests = try row.next()
    }
}
