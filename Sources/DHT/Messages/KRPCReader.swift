import Bencode
import Torrent

extension KRPCMessage {
    /// Reads a datagram; `nil` if it isn't a message, or one that can't be answered.
    ///
    /// Lenient as to what other clients send: keys in any order, more bytes after the message, `values` as one string,
    /// a missing `y`, addresses without a port.
    package init?(_ datagram: [UInt8]) {
        guard datagram.count <= KRPCLimits.datagram, datagram.first == UInt8(ascii: "d") else { return nil }
        let root: BencodeValue
        do throws(BencodeError) {
            root = try Bencode.decode(datagram, limits: KRPCLimits.bencode)
        } catch {
            return nil
        }
        guard let transaction = root["t"]?.content, transaction.count <= KRPCLimits.transaction,
            let body = Self.body(root)
        else { return nil }
        self.init(
            transaction: Array(transaction), body,
            version: root["v"]?.content.map { Array($0.prefix(KRPCLimits.version)) } ?? [],
            isReadOnly: root["ro"]?.isTrue ?? false,
            externalAddress: root["ip"]?.content.flatMap(Self.externalAddress))
    }

    private static func body(_ root: BencodeValue) -> Body? {
        switch root["y"]?.text {
        case "q": query(root)
        case "r": answer(root)
        case "e": .error(error(root["e"]))
        case nil: root["q"] != nil ? query(root) : root["r"] != nil ? answer(root) : nil
        default: nil
        }
    }

    // MARK: Queries

    private static func query(_ root: BencodeValue) -> Body {
        guard let arguments = root["a"], arguments.dictionary != nil else { return .invalidQuery(.invalid("a")) }
        guard let sender = arguments["id"]?.content.flatMap({ NodeID($0) }) else {
            return .invalidQuery(.invalid("id"))
        }
        func make(_ method: KRPCQuery.Method) -> Body { .query(KRPCQuery(sender: sender, method)) }

        // Some clients name the target of one method as that of the other.
        let target = (arguments["target"] ?? arguments["info_hash"])?.content
        let infoHash = (arguments["info_hash"] ?? arguments["target"])?.content.flatMap { InfoHash($0) }
        switch root["q"]?.text {
        case "ping": return make(.ping)
        case "get_peers":
            guard let infoHash else { return .invalidQuery(.invalid("info_hash")) }
            var filter: PeerFilter = []
            if arguments["noseed"]?.isTrue ?? false { filter.insert(.noSeeds) }
            if arguments["scrape"]?.isTrue ?? false { filter.insert(.scrape) }
            return make(.getPeers(infoHash, want: want(arguments["want"]), filter: filter))
        case "announce_peer":
            guard let infoHash else { return .invalidQuery(.invalid("info_hash")) }
            guard let token = arguments["token"]?.content, token.count <= KRPCLimits.token else {
                return .invalidQuery(.invalid("token"))
            }
            let impliesPort = arguments["implied_port"]?.isTrue ?? false
            let port = arguments["port"]?.number.flatMap { UInt16(exactly: $0) }
            guard impliesPort || port != nil else { return .invalidQuery(.invalid("port")) }
            return make(
                .announce(
                    KRPCAnnounce(
                        infoHash: infoHash, port: port ?? 0, impliesPort: impliesPort,
                        isSeed: arguments["seed"]?.isTrue ?? false, token: Array(token))))
        case "find_node":
            guard let id = target.flatMap({ NodeID($0) }) else { return .invalidQuery(.invalid("target")) }
            return make(.findNode(id, want: want(arguments["want"])))
        default:
            // A method of a later time that has a target is answered with the nodes near it, as libtorrent does.
            guard let id = target.flatMap({ NodeID($0) }) else { return .invalidQuery(.unknownMethod) }
            return make(.findNode(id, want: want(arguments["want"])))
        }
    }

    private static func want(_ value: BencodeValue?) -> WantedFamilies {
        var wanted: WantedFamilies = []
        for item in value?.list ?? value.map({ [$0] }) ?? [] {
            switch item.text {
            case "n4": wanted.insert(.n4)
            case "n6": wanted.insert(.n6)
            default: continue
            }
        }
        return wanted
    }

    // MARK: Answers

    private static func answer(_ root: BencodeValue) -> Body? {
        guard let values = root["r"], let sender = values["id"]?.content.flatMap({ NodeID($0) }) else { return nil }
        let token = values["token"]?.content
        return .answer(
            KRPCAnswer(
                sender: sender, nodes: values["nodes"]?.content.map { nodes($0, of: .v4) },
                nodes6: values["nodes6"]?.content.map { nodes($0, of: .v6) },
                values: addresses(values["values"]),
                token: token.flatMap { $0.count <= KRPCLimits.token ? Array($0) : nil },
                seeds: values["BFsd"]?.content.flatMap { BloomFilter($0) },
                peers: values["BFpe"]?.content.flatMap { BloomFilter($0) }))
    }

    /// Bytes that are left over at the end are ignored.
    private static func nodes(_ bytes: ArraySlice<UInt8>, of family: AddressFamily) -> [NodeContact] {
        chunks(bytes, of: family.nodeLength, most: KRPCLimits.nodes).compactMap { NodeContact(compact: $0) }
    }

    private static func addresses(_ value: BencodeValue?) -> [PeerAddress] {
        if let list = value?.list {
            return list.prefix(KRPCLimits.values).compactMap { $0.content.flatMap { PeerAddress(compact: $0) } }
        }
        // Mainline sends one string of all.
        return chunks(value?.content ?? [], of: AddressFamily.v4.addressLength, most: KRPCLimits.values)
            .compactMap { PeerAddress(compact: $0) }
    }

    private static func chunks(_ bytes: ArraySlice<UInt8>, of length: Int, most: Int) -> [ArraySlice<UInt8>] {
        (0..<min(bytes.count / length, most)).map { n in
            bytes[bytes.startIndex + n * length..<bytes.startIndex + (n + 1) * length]
        }
    }

    private static func externalAddress(_ bytes: ArraySlice<UInt8>) -> PeerAddress? {
        bytes.count == 4 || bytes.count == 16
            ? PeerAddress(compact: Array(bytes) + [0, 0]) : PeerAddress(compact: bytes)
    }

    private static func error(_ value: BencodeValue?) -> KRPCError {
        let parts = value?.list ?? value.map { [$0] } ?? []
        let text = parts.lazy.compactMap(\.content).first ?? []
        return KRPCError(
            parts.lazy.compactMap(\.integer).first.map { Int(clamping: $0) } ?? 201,
            String(decoding: text.prefix(KRPCLimits.errorText), as: UTF8.self))
    }
}

extension BencodeValue {
    /// Flags are the integer 1; some clients send another one, or a text.
    fileprivate var isTrue: Bool { (number ?? 0) != 0 }
}
