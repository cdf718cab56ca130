package import Torrent

/// A datagram that says which torrents a peer has (BEP 14).
package struct LocalAnnouncement: Hashable, Sendable {
    /// The most bytes of a datagram.
    package static let maximumBytes = 1400
    /// The most info hashes of one: they fit into the bytes with the longest header.
    package static let mostHashes = 20
    /// The port of the multicast groups.
    package static let port: UInt16 = 6771

    /// The multicast group of a family, and its name in the header `Host`.
    package static func group(_ family: AddressFamily) -> (host: PeerAddress.Host, name: String) {
        switch family {
        case .v4: (.v4(0xefc0_988f), "239.192.152.143:6771")
        case .v6: (.v6(0xff15 << 48, 0xefc0_988f), "[ff15::efc0:988f]:6771")
        }
    }

    /// The TCP port at which the sender accepts peers.
    package var port: UInt16
    package var infoHashes: [InfoHash]
    /// What the sender recognizes its own datagrams by; nil if it sends none.
    package var cookie: String?

    package init(port: UInt16, infoHashes: [InfoHash], cookie: String?) {
        self.port = port
        self.infoHashes = infoHashes
        self.cookie = cookie
    }

    /// The datagram. It ends in three line breaks, as those of other clients do.
    package func text(for family: AddressFamily) -> String {
        var text = "BT-SEARCH * HTTP/1.1\r\nHost: \(Self.group(family).name)\r\nPort: \(port)\r\n"
        for hash in infoHashes.prefix(Self.mostHashes) { text += "Infohash: \(Hex.encode(hash.bytes))\r\n" }
        if let cookie { text += "cookie: \(cookie)\r\n" }
        return text + "\r\n\r\n"
    }

    /// Reads a datagram; `nil` if it isn't one of this kind, or names no port or no torrent. Header names may be in
    /// either case, lines may end in a bare newline, and headers that aren't known are ignored.
    package init?(datagram: some Collection<UInt8>) {
        guard datagram.count <= Self.maximumBytes else { return nil }
        let lines = Array(datagram).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
        }
        guard let first = lines.first, first.elementsEqual("BT-SEARCH * HTTP/1.1".utf8) else { return nil }
        var port: UInt16?
        var hashes: [InfoHash] = []
        cookie = nil
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self).filter { $0 != " " && $0 != "\t" }
            switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
            case "port": port = value.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(value) : nil
            case "infohash":
                guard hashes.count < Self.mostHashes, let hash = InfoHash(hex: value) else { continue }
                hashes.append(hash)
            case "cookie": cookie = value
            default: continue
            }
        }
        guard let port, port > 0, !hashes.isEmpty else { return nil }
        self.port = port
        infoHashes = hashes
    }
}
