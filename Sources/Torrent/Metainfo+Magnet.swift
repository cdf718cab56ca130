import Bencode

extension Metainfo {
    /// The .torrent of a magnet link whose metadata has arrived: the info dictionary byte for byte, with the link's
    /// trackers and web seeds around it. Each tracker is a tier of its own.
    package static func torrentFile(around info: [UInt8], trackers: [String] = [], webSeeds: [String] = []) -> [UInt8] {
        var root = BencodeDictionary()
        root["announce"] = trackers.first.map { .text($0) }
        if trackers.count > 1 { root["announce-list"] = .list(trackers.map { .list([.text($0)]) }) }
        var tail = BencodeDictionary()
        if !webSeeds.isEmpty { tail["url-list"] = .list(webSeeds.map { .text($0) }) }
        // The keys of a dictionary are in order, and “info” comes between these two halves.
        var bytes = Bencode.encode(.dictionary(root)).dropLast() + Array("4:info".utf8)
        bytes += info
        bytes += Bencode.encode(.dictionary(tail)).dropFirst()
        return Array(bytes)
    }
}
