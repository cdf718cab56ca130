/// The address at which a peer listens: an IPv4 or IPv6 address and a TCP port.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Host: Hashable, Sendable {
        case v4(UInt32)
        case v6(UInt64, UInt64)
    }

    package let host: Host
    package let port: UInt16

    package init(_ host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads the compact form: 4 or 16 bytes of host and 2 bytes of port, in network order (BEP 23, BEP 7); `nil` for
    /// any other length.
    package init?(compact bytes: ArraySlice<UInt8>) {
        let address: PeerAddress? = bytes.withUnsafeBytes { bytes in
            func load<Word: FixedWidthInteger>(_ offset: Int, _: Word.Type) -> Word {
                Word(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
            }
            return switch bytes.count {
            case 6: PeerAddress(.v4(load(0, UInt32.self)), port: load(4, UInt16.self))
            case 18: PeerAddress(.v6(load(0, UInt64.self), load(8, UInt64.self)), port: load(16, UInt16.self))
            default: nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// Reads the compact form as the other initializer does.
    package init?(compact bytes: some Collection<UInt8>) { self.init(compact: Array(bytes)[...]) }

    /// The compact form: 6 bytes for IPv4, 18 bytes for IPv6.
    package var compact: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(isIPv6 ? 18 : 6)
        func append(_ word: some FixedWidthInteger) {
            withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
        }
        switch host {
        case .v4(let word): append(word)
        case .v6(let high, let low):
            append(high)
            append(low)
        }
        append(port)
        return bytes
    }

    package var isIPv6: Bool {
        if case .v6 = host { true } else { false }
    }

    /// Whether a peer can have this address: the port is not 0, and the host is not unspecified, multicast or
    /// broadcast.
    package var isDialable: Bool {
        guard port != 0 else { return false }
        switch host {
        case .v4(let word): return word != 0 && word >> 28 < 14
        case .v6(let high, let low): return high >> 56 != 0xff && (high, low) != (0, 0)
        }
    }

    /// Converts an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`) to the IPv4 address; returns other addresses unchanged.
    package var unmapped: PeerAddress {
        if case .v6(0, let low) = host, low >> 32 == 0xffff {
            return PeerAddress(.v4(UInt32(truncatingIfNeeded: low)), port: port)
        }
        return self
    }

    /// The address as `a.b.c.d:port`, or as `[ipv6]:port` in the form of RFC 5952.
    package var description: String {
        switch host {
        case .v4: return "\(hostDescription):\(port)"
        case .v6: return "[\(hostDescription)]:\(port)"
        }
    }

    /// The host without brackets and port.
    package var hostDescription: String {
        switch host {
        case .v4(let word): return [24, 16, 8, 0].map { String(word >> UInt32($0) & 255) }.joined(separator: ".")
        case .v6(let high, let low): return IPv6Text.format(high, low)
        }
    }

    /// Reads `a.b.c.d:port` or `[ipv6]:port`; `nil` for anything else, including host names.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Decimal.parse(text[text.index(after: colon)...], as: UInt16.self)
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let parsed = Host(host) else { return nil }
        self.init(parsed, port: port)
    }
}

extension PeerAddress.Host {
    /// The range from which one subscriber can choose addresses: the IPv4 address itself, or the first address of the
    /// IPv6 /64 (RFC 6177).
    package var subscriber: Self {
        if case .v6(let high, _) = self { .v6(high, 0) } else { self }
    }

    /// The first address of the network around the host: a /24 for IPv4, a /48 for IPv6.
    package var network: Self {
        switch self {
        case .v4(let word): .v4(word & 0xffff_ff00)
        case .v6(let high, _): .v6(high & ~0xffff, 0)
        }
    }

    /// The address as text without brackets.
    package var text: String { PeerAddress(self, port: 0).hostDescription }

    /// Reads a dotted IPv4 address, or an IPv6 address without brackets or zone.
    package init?(_ text: some StringProtocol) {
        if let word = Self.dotted(text) {
            self = .v4(word)
        } else if let words = IPv6Text.parse(text) {
            self = .v6(words.0, words.1)
        } else {
            return nil
        }
    }

    static func dotted(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var word: UInt32 = 0
        for part in parts {
            guard let byte = Decimal.parse(part, as: UInt8.self) else { return nil }
            word = word << 8 | UInt32(byte)
        }
        return word
    }
}

/// Parses decimal numbers in addresses: digits only, and no leading zeros, which some parsers take for octal (RFC 6943
/// section 3.1.1).
private enum Decimal {
    static func parse<Number: FixedWidthInteger>(_ text: some StringProtocol, as type: Number.Type) -> Number? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.utf8.count == 1 || text.utf8.first != 0x30
        else { return nil }
        return Number(text)
    }
}

/// Reads the text form of IPv6 addresses (RFC 4291 section 2.2) and writes the form of RFC 5952.
enum IPv6Text {
    static func format(_ high: UInt64, _ low: UInt64) -> String {
        let groups = [high, low].flatMap { word in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: word >> UInt64($0)) }
        }
        var best = 0..<0
        var start = 0
        for n in 0...groups.count where n == groups.count || groups[n] != 0 {
            if n - start > best.count, n - start > 1 { best = start..<n }
            start = n + 1
        }
        func text(_ slice: some Sequence<UInt16>) -> String {
            slice.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(groups) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }

    static func parse(_ text: some StringProtocol) -> (UInt64, UInt64)? {
        let halves = text.components(around: "::")
        guard let head = groups(halves.0, endsAddress: halves.1 == nil),
            let tail = groups(halves.1 ?? "", endsAddress: true)
        else { return nil }
        let count = head.count + tail.count
        guard halves.1 == nil ? count == 8 : count <= 7 else { return nil }
        let all = head + Array(repeating: 0, count: 8 - count) + tail
        return (all[..<4].reduce(0) { $0 << 16 | UInt64($1) }, all[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    /// The groups of one side of `::`. The last two groups of an address may be a dotted IPv4 address.
    private static func groups(_ text: String, endsAddress: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (n, part) in parts.enumerated() {
            if endsAddress, n == parts.count - 1, part.contains("."), let word = PeerAddress.Host.dotted(part) {
                groups += [UInt16(word >> 16), UInt16(word & 0xffff)]
            } else {
                // The standard library's parser also accepts a sign.
                guard (1...4).contains(part.utf8.count), part.first != "+", part.first != "-",
                    let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }
}

extension StringProtocol {
    /// The text before and after the first `separator`; the second part is `nil` if there is no separator.
    fileprivate func components(around separator: String) -> (String, String?) {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(separator) {
                return (String(self[..<at]), String(self[index(at, offsetBy: separator.count)...]))
            }
            at = index(after: at)
        }
        return (String(self), nil)
    }
}
