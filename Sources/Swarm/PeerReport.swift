package import Torrent

/// The state of one connection, as ``Swarm/peerReports(now:)`` returns it. Rates are in bytes per second.
package struct PeerReport: Sendable {
    package let key: PeerKey
    package let address: PeerAddress
    package let isIncoming: Bool
    package let client: String
    package let havePieces: Int
    package let isSeed: Bool
    package let amChoking, amInterested, isChoking, isInterested, isSnubbed: Bool
    package let downloaded, uploaded: Int64
    package let downloadRate, uploadRate: Int
    package let outstanding, depth: Int
}
