/// Words of the peer wire (BEP 3, 6, 10), as an attacker says them: nothing is checked.
enum Wire {
    enum Kind: UInt8 {
        case choke = 0
        case unchoke, interested, notInterested, have
        case request = 6
        case piece = 7
        case haveAll = 14
        case haveNone = 15
        case reject = 16
        case extended = 20
    }

    static let handshakeBytes = 68
    static let blockBytes = 16_384

    static func handshake(_ infoHash: [UInt8], number: Int) -> [UInt8] {
        [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0x10, 0, 0x04] + infoHash
            + Array("-XX0002-\(100_000_000_000 + number)".utf8)
    }

    static func message(_ kind: Kind, _ body: [UInt8] = []) -> [UInt8] {
        number(1 + body.count) + [kind.rawValue] + body
    }

    static func number(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).bigEndian) { Array($0) } }

    /// 64 messages that nobody knows, of a block's length each.
    static let unknown = (0..<64).flatMap { _ in number(1 + blockBytes) + [UInt8](repeating: 200, count: 1 + blockBytes)
    }

    static func block(_ piece: Int, _ begin: Int, length: Int) -> [UInt8] {
        number(piece) + number(begin) + number(length)
    }

    /// A handshake of extensions that claims the port.
    static func port(_ port: Int) -> [UInt8] { message(.extended, [0] + Array("d1:mde1:pi\(port)ee".utf8)) }

    /// A block of noughts for the 12 bytes of a request.
    static func lie(_ request: [UInt8]) -> [UInt8] {
        let length = request[8...].reduce(0) { $0 << 8 | Int($1) }
        return message(.piece, request.prefix(8) + [UInt8](repeating: 0, count: min(length, blockBytes)))
    }
}
