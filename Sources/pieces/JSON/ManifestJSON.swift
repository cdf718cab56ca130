import Library
import Store
import Torrent

/// Writes the object of `pieces manifest --format json`, which ``JSONTopic`` describes.
enum ManifestJSON {
    static func bytes(_ manifest: Manifest) -> [UInt8] {
        JSONWriter.line { json in
            json.array("torrents", manifest.parts) { json, part in json.object { fields(of: part, &$0) } }
        }
    }

    private static func fields(of part: Manifest.Part, _ json: inout JSONWriter) {
        json.field("id", part.torrent.id.rawValue)
        json.field("info_hash", part.torrent.infoHash)
        json.field("name", part.torrent.name)
        json.path("output", "output_bytes", part.torrent.output)
        json.array("files", part.entries) { json, entry in
            json.object { json in
                json.path("path", "path_bytes", entry.path)
                json.field("length", entry.length)
                json.field("sha256", Hex.encode(entry.sha256))
                json.field("read_at", entry.readAt?.rawValue)
            }
        }
        json.strings("without_sha256", part.withoutDigest)
        json.strings("incomplete", part.incomplete)
        json.field("error", part.problem)
    }
}
