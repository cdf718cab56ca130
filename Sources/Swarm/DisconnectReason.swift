/// Why we end a connection.
package enum DisconnectReason: Equatable, Sendable, CustomStringConvertible {
    case bothSeeding
    case banned(String)
    case protocolError(String)
    case silent
    case tooManyPeers
    case paused
    /// The torrent is private, and the peer isn't from its trackers.
    case privateTorrent
    case ownConnection
    case duplicate
    /// The peer reads none of the data it requested.
    case deaf
    /// Another peer needs the place more.
    case idle
    /// The peer's messages cost more than they bring.
    case wasteful(String)

    package var description: String {
        switch self {
        case .bothSeeding: "both have everything"
        case .banned(let why): "banned: \(why)"
        case .protocolError(let what): "protocol error: \(what)"
        case .silent: "nothing received for too long"
        case .tooManyPeers: "too many peers"
        case .paused: "the torrent was stopped"
        case .privateTorrent: "the torrent is private, and only its trackers may name peers"
        case .ownConnection: "connected to ourselves"
        case .duplicate: "connected twice"
        case .deaf: "does not read the data it requested"
        case .idle: "idle, and another peer needs the connection"
        case .wasteful(let how): how
        }
    }
}
