import Engine
import Library
import Store
import System
import Torrent

/// Prints one JSON object per line. Its `event` is `listening`, `start`, `progress`, `log`, `end` or `stopped`.
struct JSONReport: DownloadReport {
    let interval = Duration.seconds(1)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        write { json in
            json.field("event", "listening")
            json.field("address", socket.host.map { PeerAddress($0, port: 0).hostDescription })
            json.field("port", socket.port)
            json.field("pid", ThisProcess.id)
        }
        for torrent in torrents {
            write { json in
                json.field("event", "start")
                describe(torrent, &json)
            }
        }
    }

    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {
        for torrent in torrents {
            write { json in
                json.field("event", "progress")
                json.field("id", torrent.id.rawValue)
                json.field("info_hash", torrent.infoHash)
                json.field("name", torrent.name)
                json.field("state", torrent.state.rawValue)
                json.field("error", torrent.error)
                let isKnown = torrent.state != .metadata
                json.field("progress", isKnown ? share(torrent.completedBytes, torrent.wantedBytes) as Double? : nil)
                json.field("wanted_bytes", isKnown ? torrent.wantedBytes as Int64? : nil)
                json.field("completed_bytes", torrent.completedBytes)
                json.field("pieces_have", torrent.have.population)
                json.field("pieces_to_check", torrent.unverified)
                json.field("downloaded_bytes", torrent.downloadedBytes)
                json.field("uploaded_bytes", torrent.uploadedBytes)
                json.field("wasted_bytes", torrent.wastedBytes)
                json.field("download_rate", torrent.downloadRate)
                json.field("upload_rate", torrent.uploadRate)
                json.field("peers_connected", torrent.peers)
                json.field("seeders_connected", torrent.seeders)
                json.field("eta_seconds", torrent.timeLeft?.components.seconds)
            }
        }
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        write { json in
            json.field("event", "log")
            EventJSON.fields(of: event, &json)
        }
    }

    func ended(_ torrents: [TorrentRow]) {
        for torrent in torrents {
            write { json in
                json.field("event", "end")
                describe(torrent, &json)
            }
        }
        write { $0.field("event", "stopped") }
    }

    private func describe(_ torrent: TorrentRow, _ json: inout JSONWriter) {
        json.field("id", torrent.id.rawValue)
        json.field("info_hash", torrent.infoHash)
        json.field("name", torrent.name)
        json.field("state", torrent.state.rawValue)
        json.field("error", torrent.error)
        json.field("complete", torrent.isComplete && !torrent.isFaulty)
        json.field("wanted_bytes", torrent.hasMetadata ? torrent.wantedBytes as Int64? : nil)
        json.field("completed_bytes", torrent.completedBytes)
        json.path("output", "output_bytes", torrent.output)
    }

    private func share(_ part: Int64, _ whole: Int64) -> Double { whole > 0 ? min(1, Double(part) / Double(whole)) : 1 }

    private func write(_ body: (inout JSONWriter) -> Void) { Terminal.shared.print(bytes: JSONWriter.line(body)) }
}
