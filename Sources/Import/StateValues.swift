import Bencode
import Torrent

/// The limits of a state file: one per torrent, with a value or two per file.
let stateLimits = Bencode.Limits(depth: 64, nodes: 1 << 21)

/// Reads the dictionary that a state file consists of. `what` names the file in the error.
func stateDictionary(_ bytes: [UInt8], _ what: String) throws(ForeignStateError) -> BencodeValue {
    let root: BencodeValue
    do throws(BencodeError) { root = try Bencode.decode(bytes, limits: stateLimits) } catch {
        throw ForeignStateError("\(what) is damaged: \(error)")
    }
    guard root.dictionary != nil else { throw ForeignStateError("\(what) is not a dictionary") }
    return root
}

/// Values of a client's state, as far as they make sense. All are `nil` where the value is missing, of another type or
/// out of range.
extension BencodeValue {
    /// The most bytes that are believed.
    private static let mostBytes: Int64 = 1 << 60
    /// The year 2200, so that a date in milliseconds isn't believed.
    private static let lastMoment: Int64 = 7_258_118_400

    /// The value of the first of the keys that is there.
    subscript(one: StaticString, other: StaticString) -> BencodeValue? { self[one] ?? self[other] }

    var byteCount: Int64? { number.flatMap { (0...Self.mostBytes).contains($0) ? $0 : nil } }

    /// A limit in bytes per second; 0 and less mean none.
    var limit: Int64? { number.flatMap { (1...Self.mostBytes).contains($0) ? $0 : nil } }

    var count: Int? { number.flatMap { (1...1 << 20).contains($0) ? Int($0) : nil } }

    var moment: Timestamp? { number.flatMap { (1...Self.lastMoment).contains($0) ? Timestamp($0) : nil } }

    var seconds: Duration? { number.flatMap { (0...Self.lastMoment).contains($0) ? .seconds($0) : nil } }

    var flag: Bool? { number.map { $0 != 0 } }

    /// A path, or a part of one; `nil` if it is empty.
    var path: String? { content.flatMap { $0.isEmpty || $0.contains(0) ? nil : PathText.text($0) } }

    /// A folder's path, without slashes at its end.
    var folder: String? { path.flatMap(PathText.folder) }

    /// A text that is shown; `nil` if it is empty.
    var words: String? { content.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) } }

    /// Peers in their compact form, of 6 or 18 bytes each.
    func peers(ofBytes size: Int) -> [PeerAddress] {
        guard let bytes = content else { return [] }
        var peers: [PeerAddress] = []
        var rest = bytes
        while rest.count >= size, peers.count < ForeignTorrent.maximumPeers {
            if let peer = PeerAddress(compact: rest.prefix(size)), peer.port > 0 { peers.append(peer) }
            rest = rest.dropFirst(size)
        }
        return peers
    }

    /// The digits of an info hash, or its 20 bytes. Zeros stand for one that the program that wrote them didn't know
    /// (libtorrent 2's `write_resume_data` with a torrent, but without its hashes).
    var infoHash: InfoHash? {
        content.flatMap { InfoHash($0) }.flatMap { hash in hash.bytes.allSatisfy { $0 == 0 } ? nil : hash }
    }
}

extension PathText {
    /// The path without slashes at its end; `nil` if it is empty. It may be a path of another system.
    static func folder(_ text: String) -> String? {
        var bytes = Array(text.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

/// A .torrent whose `info` stays byte for byte, so that its hash does.
enum TorrentFile {
    /// The document without some of its keys, if it has any of them.
    static func without(_ keys: [StaticString], _ root: BencodeValue, in bytes: [UInt8]) -> [UInt8] {
        guard let dictionary = root.dictionary, keys.contains(where: { dictionary[$0] != nil }) else { return bytes }
        let dropped = Set(keys.map { $0.withUTF8Buffer { Array($0) } })
        var file: [UInt8] = [UInt8(ascii: "d")]
        for entry in dictionary.entries where !dropped.contains(Array(entry.key)) {
            file += Array("\(entry.key.count):".utf8) + entry.key + bytes[entry.value.range]
        }
        return file + [UInt8(ascii: "e")]
    }

    /// A .torrent of nothing but the `info` dictionary that stands in another document.
    static func only(info: BencodeValue, in bytes: [UInt8]) -> [UInt8] {
        Array("d4:info".utf8) + bytes[info.range] + [UInt8(ascii: "e")]
    }
}
