import Torrent

/// Writes what `pieces show --json` prints of a magnet link, which ``JSONTopic`` describes.
enum MagnetJSON {
    static func object(_ link: MagnetLink) -> [UInt8] {
        JSONWriter.line { json in
            json.field("info_hash", link.infoHash)
            json.field("info_hash_v2", link.v2.map { Hex.encode($0) })
            json.field("name", link.name)
            json.array("trackers", link.trackers) { json, url in json.strings([MaskedURL.text(url)]) }
            json.strings("web_seeds", link.webSeeds.map(MaskedURL.text))
            json.strings("peers", link.peers.map(\.description))
        }
    }
}
