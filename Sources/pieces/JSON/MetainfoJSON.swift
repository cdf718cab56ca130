import Torrent

/// Writes the object of `pieces show --json`, which the command's help documents.
enum MetainfoJSON {
    static func object(_ metainfo: Metainfo) -> [UInt8] {
        JSONWriter.line { json in
            json.field("info_hash", metainfo.infoHash)
            json.field("info_hash_v2", metainfo.identity.v2.map { Hex.encode($0) })
            json.field("name", metainfo.name)
            json.field("total_bytes", metainfo.geometry.totalBytes)
            json.field("piece_length", metainfo.geometry.pieceLength)
            json.field("piece_count", metainfo.geometry.pieceCount)
            json.field("private", metainfo.isPrivate)
            json.array("files", metainfo.layout.files) { json, file in
                json.object { json in
                    json.path("path", "path_bytes", file.displayPath)
                    json.field("length", file.length)
                    json.field("pad", file.isPad)
                }
            }
            json.array("trackers", metainfo.trackers) { json, tier in json.strings(tier.map(MaskedURL.text)) }
            json.strings("web_seeds", metainfo.webSeeds.map(MaskedURL.text))
            json.field("comment", metainfo.comment)
            json.field("created_by", metainfo.createdBy)
            json.field("creation_date", metainfo.creationDate)
            if !metainfo.unused.isEmpty {
                json.array("not_used", metainfo.unused) { json, value in
                    json.object { json in
                        json.field("key", value.key)
                        json.field("value", value.text)
                        json.field("reason", value.reason)
                    }
                }
            }
        }
    }
}
