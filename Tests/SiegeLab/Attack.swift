/// What hostile hosts do to an engine: a row of the table in the article "Hostile peers" each.
package enum Attack: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Connections that say nothing.
    case silence
    /// Handshakes, and then nothing: connections that only keep places.
    case crowd
    /// A megabyte behind the handshake, before the handshake is answered.
    case early
    /// The same megabyte as the smallest messages that there are.
    case keepAlives
    /// Requests whose answers are not read.
    case requests
    /// Choke and unchoke in turn.
    case turns
    /// Interest that comes and goes.
    case interest
    /// Handshakes of extensions, each with another port.
    case ports
    /// Rejects of blocks that were not requested.
    case rejects
    /// The same few pieces are announced over and over.
    case haves
    /// Blocks that were not requested.
    case unasked
    /// Wrong blocks, and another port after each ban.
    case lies
    /// Each host does one of these, by seed.
    case mixed

    package var description: String { rawValue }

    /// What `mixed` chooses from.
    static let single = allCases.filter { $0 != .mixed }

    /// What a host spends.
    package struct Spend: Sendable {
        /// Connections that the host wants to have.
        let connections: Int
        /// Connections that it makes a second.
        let dials: Double
        /// Bytes a second of its connections together.
        let bytes: Double
    }

    /// What each of so many hosts spends: all of them together send no more than one machine can send beside the
    /// engine.
    ///
    /// - Parameter strength: a part of it, for an engine that is built without optimization.
    func spend(hosts: Int, strength: Double) -> Spend {
        func share(_ connections: Int, dials: Double, bytes: Double, inAll: Double) -> Spend {
            Spend(
                connections: max(1, connections / hosts), dials: max(2, dials / Double(hosts)),
                bytes: strength * min(bytes, inAll / Double(hosts)))
        }
        return switch self {
        case .silence: share(400, dials: 200, bytes: 1e6, inAll: 1e6)
        case .crowd: share(150, dials: 100, bytes: 1e6, inAll: 1e6)
        case .early, .keepAlives: share(60, dials: 30, bytes: 20e6, inAll: 20e6)
        case .requests: share(4, dials: 4, bytes: 200e3, inAll: 5e6)
        case .turns, .interest, .rejects: share(1, dials: 4, bytes: 100e3, inAll: 5e6)
        case .ports: share(1, dials: 4, bytes: 1e6, inAll: 5e6)
        case .haves: share(1, dials: 4, bytes: 40e6, inAll: 40e6)
        case .unasked: share(1, dials: 4, bytes: 20e6, inAll: 20e6)
        case .lies: share(1, dials: 4, bytes: 4e6, inAll: 20e6)
        case .mixed: preconditionFailure("each host has an attack of its own")
        }
    }

    /// Whether the attack is one at a torrent that the engine has.
    package var isAtDormant: Bool { [.early, .keepAlives, .mixed].contains(self) }

    /// One of each kind, and all at once. Not `haves`: what a message costs is measured in a release build, and a debug
    /// build takes ten times as long for each.
    package static let table: [Attack] = [
        .silence, .crowd, .early, .requests, .turns, .ports, .unasked, .lies, .mixed,
    ]

    // MARK: Words

    /// What the connection does with what the engine says.
    enum Ear { case reads, readsUntilUnchoked, answersRequests }

    var ear: Ear {
        switch self {
        case .requests: .readsUntilUnchoked
        case .lies: .answersRequests
        default: .reads
        }
    }

    /// What the connection says first; `port` is one that nobody else claims.
    func opening(_ target: Target, number: Int, port: Int) -> [UInt8] {
        let hello = Wire.handshake(
            self == .early || self == .keepAlives ? target.dormant : target.infoHash, number: number)
        return switch self {
        case .silence: []
        case .crowd, .turns: hello + Wire.message(.haveNone)
        case .early: hello + Wire.message(.haveNone) + Wire.unknown
        case .keepAlives: hello + Wire.message(.haveNone) + [UInt8](repeating: 0, count: 1 << 20)
        case .requests, .interest: hello + Wire.message(.haveNone) + Wire.message(.interested)
        case .ports, .rejects, .unasked: hello + Wire.message(.haveAll)
        case .haves: hello + Wire.message(.haveNone)
        case .lies: hello + Wire.port(port) + Wire.message(.haveAll) + Wire.message(.unchoke)
        case .mixed: preconditionFailure("each host has an attack of its own")
        }
    }

    /// What the connection says over and over; empty when it has said all.
    func flood(_ target: Target) -> [UInt8] {
        let pieces = min(target.pieces, 1000)
        switch self {
        case .silence, .crowd, .early, .keepAlives, .lies: return []
        case .requests:
            return (0..<pieces).flatMap { Wire.message(.request, Wire.block($0, 0, length: Wire.blockBytes)) }
        case .turns: return (0..<500).flatMap { _ in Wire.message(.unchoke) + Wire.message(.choke) }
        case .interest: return (0..<500).flatMap { _ in Wire.message(.notInterested) + Wire.message(.interested) }
        case .ports: return (1024..<5024).flatMap { Wire.port($0) }
        case .rejects: return (0..<pieces).flatMap { Wire.message(.reject, Wire.block($0, 0, length: Wire.blockBytes)) }
        case .haves: return (0..<pieces).flatMap { Wire.message(.have, Wire.number($0)) }
        case .unasked: return (0..<min(pieces, 16)).flatMap { Wire.lie(Wire.block($0, 0, length: Wire.blockBytes)) }
        case .mixed: preconditionFailure("each host has an attack of its own")
        }
    }
}

/// What is attacked.
package struct Target: Sendable {
    let port: UInt16
    /// A torrent that the engine downloads.
    let infoHash: [UInt8]
    /// A torrent that the engine has, and that is not active.
    let dormant: [UInt8]
    let pieces: Int

    package init(port: UInt16, infoHash: [UInt8], dormant: [UInt8], pieces: Int) {
        self.port = port
        self.infoHash = infoHash
        self.dormant = dormant
        self.pieces = pieces
    }
}
