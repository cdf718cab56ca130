import Store
import Torrent

/// Writes an event of the log as JSON.
enum EventJSON {
    static func fields(of event: EventRow, _ json: inout JSONWriter) {
        json.field("number", event.id)
        json.field("at", event.at.rawValue)
        json.field("id", event.torrent?.rawValue)
        json.field("info_hash", event.infoHash)
        json.field("kind", event.kind.rawValue)
        json.field("detail", event.detail)
    }
}
