import ArgumentParser
import Store

/// `pieces peers`
struct Peers: Command {
    static let configuration = CommandConfiguration(
        abstract: "List what is remembered of a torrent's peers, the best first.",
        discussion: """
            Examples:
              pieces peers debian.iso
              pieces peers 3 --json

            --json prints {"id", "info_hash", "name", "connected", "peers": [{"address", "source", "client", "first_seen", "last_seen", "last_tried", \
            "last_connected", "failures", "downloaded_bytes", "uploaded_bytes", "hash_failures", "rate", "banned_until", "ban_reason"}]}.
            """)

    @OptionGroup var argument: TorrentArgument

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let connection = try global.openToLook()
        let torrent = try connection.findTorrent(argument.torrent)
        let engine = try EngineState(database: try global.path, connection)
        let now = Timestamp.now()
        let live = try connection.live(of: torrent.id).flatMap { engine.isRunning && $0.isFresh(now) ? $0 : nil }
        let peers = try connection.peers(of: torrent.id)
        Terminal.shared.print(bytes: json ? object(torrent, live, peers) : Array(text(live, peers, now).utf8))
    }

    private func text(_ live: LiveRow?, _ peers: [PeerRow], _ now: Timestamp) -> String {
        let connected = live.map { "\(Format.count($0.peersConnected, "peer")) connected, \($0.seeders) of them with everything" } ?? "none connected"
        guard !peers.isEmpty else { return "\(connected); nothing is remembered of any\n" }
        var table = Table(
            [
                .left("ADDRESS"), .left("FROM"), .left("CLIENT"), .right("DOWN"), .right("UP"), .right("BEST RATE"), .right("FAILED"),
                .left("LAST SEEN"), .left("BANNED"),
            ], flexible: 2)
        for peer in peers {
            let isBanned = peer.isBanned(at: now)
            table.add([
                "\(peer.address)", peer.source.rawValue, peer.client?.printable ?? "", Format.bytes(peer.downloadedBytes),
                Format.bytes(peer.uploadedBytes), peer.rate > 0 ? Format.rate(peer.rate) : "", peer.failures > 0 ? "\(peer.failures)" : "",
                Format.moment(peer.lastSeen), isBanned ? peer.banReason?.printable ?? "" : "",
            ])
        }
        return connected + "\n" + table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil)
    }

    private func object(_ torrent: TorrentRow, _ live: LiveRow?, _ peers: [PeerRow]) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", torrent.id.rawValue)
            json.field("info_hash", "\(torrent.infoHash)")
            json.field("name", torrent.name)
            json.field("connected", live?.peersConnected ?? 0)
            json.array("peers", peers) { json, peer in
                json.object { json in
                    json.field("address", "\(peer.address)")
                    json.field("source", peer.source.rawValue)
                    json.field("client", peer.client)
                    json.field("first_seen", peer.firstSeen.rawValue)
                    json.field("last_seen", peer.lastSeen.rawValue)
                    json.field("last_tried", peer.lastTried?.rawValue)
                    json.field("last_connected", peer.lastConnected?.rawValue)
                    json.field("failures", peer.failures)
                    json.field("downloaded_bytes", peer.downloadedBytes)
                    json.field("uploaded_bytes", peer.uploadedBytes)
                    json.field("hash_failures", peer.hashFailures)
                    json.field("rate", peer.rate)
                    json.field("banned_until", peer.bannedUntil?.rawValue)
                    json.field("ban_reason", peer.banReason)
                }
            }
        }
    }
}
