import Store
import Torrent

/// Writes what a command did to a torrent as JSON.
enum ChangeJSON {
    /// Prints an object with the event, the torrent and more fields.
    static func print(_ event: String, _ torrent: TorrentRow, _ more: (inout JSONWriter) -> Void = { _ in }) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", event)
                json.field("id", torrent.id.rawValue)
                json.field("info_hash", torrent.infoHash)
                json.field("name", torrent.name)
                more(&json)
            })
    }
}
