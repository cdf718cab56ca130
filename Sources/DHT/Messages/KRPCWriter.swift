import Bencode
import Torrent

extension KRPCMessage {
    /// The canonical form of the message. Bloom filters and peers are limited by the sender, see ``KRPCLimits/sent``.
    package var datagram: [UInt8] {
        var root = BencodeDictionary()
        switch body {
        case .query(let query):
            root["a"] = .dictionary(Self.arguments(of: query))
            root["q"] = .text(query.method.name)
            root["y"] = "q"
        case .answer(let answer):
            root["r"] = .dictionary(Self.values(of: answer))
            root["y"] = "r"
        case .error(let error), .invalidQuery(let error):
            root["e"] = [.integer(Int64(error.code)), .text(error.text)]
            root["y"] = "e"
        }
        if let externalAddress { root["ip"] = .string(externalAddress.compact) }
        if isReadOnly { root["ro"] = 1 }
        root["t"] = .string(transaction)
        if !version.isEmpty { root["v"] = .string(version) }
        return Bencode.encode(.dictionary(root))
    }

    private static func arguments(of query: KRPCQuery) -> BencodeDictionary {
        var arguments = BencodeDictionary()
        arguments["id"] = .string(query.sender.bytes)
        switch query.method {
        case .ping: break
        case .findNode(let target, let want):
            arguments["target"] = .string(target.bytes)
            arguments["want"] = value(of: want)
        case .getPeers(let hash, let want, let filter):
            arguments["info_hash"] = .string(hash.bytes)
            if filter.contains(.noSeeds) { arguments["noseed"] = 1 }
            if filter.contains(.scrape) { arguments["scrape"] = 1 }
            arguments["want"] = value(of: want)
        case .announce(let announce):
            if announce.impliesPort { arguments["implied_port"] = 1 }
            arguments["info_hash"] = .string(announce.infoHash.bytes)
            arguments["port"] = .integer(Int64(announce.port))
            if announce.isSeed { arguments["seed"] = 1 }
            arguments["token"] = .string(announce.token)
        }
        return arguments
    }

    private static func value(of want: WantedFamilies) -> BencodeValue? {
        guard !want.isEmpty else { return nil }
        return .list((want.contains(.n4) ? ["n4"] : []) + (want.contains(.n6) ? ["n6"] : []))
    }

    private static func values(of answer: KRPCAnswer) -> BencodeDictionary {
        var values = BencodeDictionary()
        values["id"] = .string(answer.sender.bytes)
        if let nodes = answer.nodes { values["nodes"] = .string(nodes.flatMap(\.compact)) }
        if let nodes = answer.nodes6 { values["nodes6"] = .string(nodes.flatMap(\.compact)) }
        if !answer.values.isEmpty { values["values"] = .list(answer.values.map { .string($0.compact) }) }
        if let token = answer.token { values["token"] = .string(token) }
        if let seeds = answer.seeds { values["BFsd"] = .string(seeds.bytes) }
        if let peers = answer.peers { values["BFpe"] = .string(peers.bytes) }
        return values
    }
}

extension KRPCQuery.Method {
    fileprivate var name: String {
        switch self {
        case .ping: "ping"
        case .findNode: "find_node"
        case .getPeers: "get_peers"
        case .announce: "announce_peer"
        }
    }
}
