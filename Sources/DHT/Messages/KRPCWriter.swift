import Bencode
import Torrent

extension KRPCMessage {
    /// The expected size of a query.
    private static let usualBytes = 128

    /// The canonical form of the message. Bloom filters and peers are limited by the sender, see ``KRPCLimits/sent``.
    package var datagram: [UInt8] {
        var writer = BencodeWriter(capacity: Self.usualBytes)
        writer.dictionary { root in
            switch body {
            case .query(let query):
                root.string("a")
                root.dictionary { query.write(to: &$0) }
            case .answer: break
            case .error(let error), .invalidQuery(let error):
                root.string("e")
                root.list { list in
                    list.integer(error.code)
                    list.string(Array(error.text.utf8))
                }
            }
            if let externalAddress {
                root.string("ip")
                root.string(externalAddress.compact)
            }
            switch body {
            case .query(let query):
                root.string("q")
                root.string(query.method.name)
            case .answer(let answer):
                root.string("r")
                root.dictionary { answer.write(to: &$0) }
            case .error, .invalidQuery: break
            }
            if isReadOnly {
                root.string("ro")
                root.integer(1)
            }
            root.string("t")
            root.string(transaction)
            if !version.isEmpty {
                root.string("v")
                root.string(version)
            }
            root.string("y")
            root.string(body.kind)
        }
        return writer.bytes
    }
}

extension KRPCMessage.Body {
    fileprivate var kind: StaticString {
        switch self {
        case .query: "q"
        case .answer: "r"
        case .error, .invalidQuery: "e"
        }
    }
}

extension KRPCQuery {
    /// Writes the arguments, with their keys in ascending order.
    fileprivate func write(to writer: inout BencodeWriter) {
        writer.string("id")
        writer.string(sender)
        switch method {
        case .ping: break
        case .findNode(let target, let want):
            writer.string("target")
            writer.string(target)
            writer.append(want)
        case .getPeers(let hash, let want, let filter):
            writer.string("info_hash")
            writer.string(hash.bytes)
            if filter.contains(.noSeeds) { writer.flag("noseed") }
            if filter.contains(.scrape) { writer.flag("scrape") }
            writer.append(want)
        case .announce(let announce):
            if announce.impliesPort { writer.flag("implied_port") }
            writer.string("info_hash")
            writer.string(announce.infoHash.bytes)
            writer.string("port")
            writer.integer(Int(announce.port))
            if announce.isSeed { writer.flag("seed") }
            writer.string("token")
            writer.string(announce.token)
        }
    }
}

extension KRPCAnswer {
    /// Writes the values, with their keys in ascending order.
    fileprivate func write(to writer: inout BencodeWriter) {
        if let peers { writer.filter("BFpe", peers) }
        if let seeds { writer.filter("BFsd", seeds) }
        writer.string("id")
        writer.string(sender)
        if let nodes { writer.nodes("nodes", nodes) }
        if let nodes6 { writer.nodes("nodes6", nodes6) }
        if let token {
            writer.string("token")
            writer.string(token)
        }
        if !values.isEmpty {
            writer.string("values")
            writer.list { list in
                for value in values { list.string(value.compact) }
            }
        }
    }
}

extension BencodeWriter {
    fileprivate mutating func string(_ id: NodeID) { string(count: NodeID.byteCount) { id.append(to: &$0) } }

    fileprivate mutating func flag(_ key: StaticString) {
        string(key)
        integer(1)
    }

    fileprivate mutating func filter(_ key: StaticString, _ filter: BloomFilter) {
        string(key)
        string(filter.bytes)
    }

    fileprivate mutating func nodes(_ key: StaticString, _ nodes: [NodeContact]) {
        string(key)
        string(nodes.flatMap(\.compact))
    }

    fileprivate mutating func append(_ want: WantedFamilies) {
        guard !want.isEmpty else { return }
        string("want")
        list { list in
            if want.contains(.n4) { list.string("n4") }
            if want.contains(.n6) { list.string("n6") }
        }
    }
}

extension KRPCQuery.Method {
    fileprivate var name: StaticString {
        switch self {
        case .ping: "ping"
        case .findNode: "find_node"
        case .getPeers: "get_peers"
        case .announce: "announce_peer"
        }
    }
}
