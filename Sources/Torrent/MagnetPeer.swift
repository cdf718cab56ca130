/// A peer in a magnet link (`x.pe`, BEP 9): an address, or the name of a host and a port.
package enum MagnetPeer: Hashable, Sendable, CustomStringConvertible {
    case address(PeerAddress)
    /// The name is in lower case.
    case name(String, port: UInt16)

    /// The maximum length of a host name in bytes (RFC 1035 section 2.3.4).
    static let maximumNameBytes = 253

    /// Reads `a.b.c.d:port`, `[ipv6]:port` or `name:port`; `nil` for anything else, and for an address that no peer
    /// can have.
    package init?(_ text: String) {
        if let address = PeerAddress(text) {
            guard address.isDialable else { return nil }
            self = .address(address)
            return
        }
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = text[text.utf8.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port != 0,
            Self.isName(text[..<colon])
        else { return nil }
        self = .name(text[..<colon].lowercased(), port: port)
    }

    package var description: String {
        switch self {
        case .address(let address): address.description
        case .name(let name, let port): "\(name):\(port)"
        }
    }

    /// Whether the text has the form of a host name. A name whose last label begins with a digit is not one, because
    /// resolvers take such a text for an IPv4 address.
    private static func isName(_ text: Substring) -> Bool {
        guard text.utf8.count <= maximumNameBytes else { return false }
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let last = labels.last?.first, !(0x30...0x39).contains(last) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy(isNameByte)
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
