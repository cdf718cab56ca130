import ArgumentParser
import Library
import Store
import Torrent

/// `pieces peers`
struct Peers: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "List a torrent's connections and its known peers, best first.",
        discussion: """
            Examples:
              pieces peers debian.iso
              pieces peers 3 --json

            Connections are those of a running engine, a few seconds old. FLAGS has these letters:
              D  the peer sends to us            U  we send to the peer
              d  we want data, but it chokes us  u  it wants data, but we choke it
              S  snubbed: it owes us blocks but isn't sending
              I  incoming connection

            TOLD OF counts the addresses that we received from the peer by peer exchange: good ones, to which a connection succeeded, and bad ones.
            """)

    @OptionGroup var options: ListOptions

    func runDirectly() throws {
        let now = Timestamp.now()
        let list = try Library(try global.openToLook()).peers(of: argument.torrent, now: now)
        let (torrent, live, connections, peers) = (list.torrent, list.live, list.connections, list.peers)
        Terminal.shared.print(
            bytes: json
                ? object(torrent, live, connections, peers) : Array(text(torrent, live, connections, peers, now).utf8))
    }

    private func text(
        _ torrent: TorrentRow, _ live: LiveRow?, _ connections: [LivePeerRow], _ peers: [PeerRow], _ now: Timestamp
    ) -> String {
        let connected =
            live.map { "\(Format.count($0.peersConnected, "peer")) connected, \($0.seeders) of them seeding" }
            ?? "no peers connected"
        let current = connections.isEmpty ? connected + "\n" : connected + "\n" + table(of: connections, torrent)
        guard !peers.isEmpty else {
            return connections.isEmpty ? "\(connected); no known peers\n" : current
        }
        return current + (connections.isEmpty ? "" : "\nknown peers:\n") + table(of: peers, now)
    }

    private var width: Int? { Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil }

    private func table(of connections: [LivePeerRow], _ torrent: TorrentRow) -> String {
        var table = Table(
            [
                .left("ADDRESS"), .left("CLIENT"), .right("HAS"), .left("FLAGS"), .right("DOWN"), .right("UP"),
                .right("GOT"), .right("SENT"),
                .right("REQUESTS"),
            ], flexible: 1)
        for peer in connections {
            table.add([
                "\(peer.address)", peer.client?.printable ?? "",
                Format.percent(Int64(peer.pieces), of: Int64(torrent.pieceCount)), peer.letters,
                peer.downloadRate > 0 ? Format.rate(peer.downloadRate) : "",
                peer.uploadRate > 0 ? Format.rate(peer.uploadRate) : "",
                Format.bytes(peer.downloadedBytes), Format.bytes(peer.uploadedBytes), "\(peer.requests)",
            ])
        }
        return table.text(width: width)
    }

    private func table(of peers: [PeerRow], _ now: Timestamp) -> String {
        var table = Table(
            [
                .left("ADDRESS"), .left("FROM"), .left("CLIENT"), .right("GOT"), .right("SENT"), .right("BEST RATE"),
                .right("FAILED"), .left("TOLD OF"),
                .left("LAST SEEN"), .left("BANNED"),
            ], flexible: 2)
        for peer in peers {
            let isBanned = peer.isBanned(at: now)
            table.add([
                "\(peer.address)", peer.source.rawValue, peer.client?.printable ?? "",
                Format.bytes(peer.downloadedBytes),
                Format.bytes(peer.uploadedBytes), peer.rate > 0 ? Format.rate(peer.rate) : "",
                peer.failures > 0 ? "\(peer.failures)" : "",
                peer.toldGood + peer.toldBad > 0 ? "\(peer.toldGood) good, \(peer.toldBad) bad" : "",
                Format.moment(peer.lastSeen), isBanned ? peer.banReason?.printable ?? "" : "",
            ])
        }
        return table.text(width: width)
    }

    private func object(_ torrent: TorrentRow, _ live: LiveRow?, _ connections: [LivePeerRow], _ peers: [PeerRow])
        -> [UInt8]
    {
        JSONWriter.line { json in
            json.field("id", torrent.id.rawValue)
            json.field("info_hash", torrent.infoHash)
            json.field("name", torrent.name)
            json.field("connected", live?.peersConnected ?? 0)
            json.array("connections", connections) { json, peer in
                json.object { json in
                    json.field("address", "\(peer.address)")
                    json.field("incoming", peer.isIncoming)
                    json.field("client", peer.client)
                    json.field("progress", peer.progress(of: torrent))
                    json.field("flags", peer.letters)
                    json.field("download_rate", peer.downloadRate)
                    json.field("upload_rate", peer.uploadRate)
                    json.field("downloaded_bytes", peer.downloadedBytes)
                    json.field("uploaded_bytes", peer.uploadedBytes)
                    json.field("requests", peer.requests)
                }
            }
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
                    json.field("told_good", peer.toldGood)
                    json.field("told_bad", peer.toldBad)
                }
            }
        }
    }
}

extension LivePeerRow {
    /// The fraction of the torrent that the peer has, from 0 to 1.
    fileprivate func progress(of torrent: TorrentRow) -> Double {
        torrent.pieceCount == 0 ? 1 : min(1, Double(pieces) / Double(torrent.pieceCount))
    }

    /// The letters of the FLAGS column, which the command's help explains.
    fileprivate var letters: String {
        var letters = ""
        if flags.contains(.weAreInterested) { letters += flags.contains(.itChokes) ? "d" : "D" }
        if flags.contains(.itIsInterested) { letters += flags.contains(.weChoke) ? "u" : "U" }
        if flags.contains(.isSnubbed) { letters += "S" }
        if isIncoming { letters += "I" }
        return letters
    }
}
