import ArgumentParser
import Engine
import Library
import Store
import Torrent

/// `pieces dht`
struct DHT: DirectCommand, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "dht", abstract: "Show the nodes of the DHT, our address there, and why nodes are missing.",
        discussion: """
            The DHT is a network of clients that know each other's peers, without a tracker. Private torrents don't use it. The \
            running engine reports every few seconds; without one, the stored nodes are shown.

            Examples:
              pieces dht
              pieces dht --nodes
              pieces dht --json
            """)

    @Flag(help: "List the stored nodes, the best first.")
    var nodes = false

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func runDirectly() throws {
        let now = Timestamp.now()
        let status = try Library(try global.openToLook()).dht(now: now)
        Terminal.shared.print(bytes: json ? object(status) : Array(text(status, now).utf8))
    }

    private func text(_ status: DHTStatus, _ now: Timestamp) -> String {
        var lines = [status.sentence]
        for row in status.families { lines += words(row, isCurrent: status.isCurrent(row)) }
        if let sum = status.families.first(where: { status.isCurrent($0) }) {
            lines.append(
                "searches: \(Format.count(sum.searched)) ended, \(Format.count(sum.waiting)) waiting; "
                    + "\(Format.count(sum.announced)) announces accepted")
            lines.append(
                "packets: \(Format.count(sum.sent)) sent, \(Format.count(sum.received)) received, "
                    + "\(Format.count(sum.dropped)) dropped")
        }
        if status.dueCount > 0 {
            let count =
                Format.count(status.dueCount) + (status.dueCount >= DHTStatus.mostCounted ? " or more" : "")
            lines.append("torrents at rest: \(count) due to be announced")
        }
        if !status.nodes.isEmpty { lines.append("stored nodes: \(Format.count(status.nodes.count))") }
        return lines.joined(separator: "\n") + "\n" + (nodes ? table(status.nodes, now) : "")
    }

    private func words(_ row: DHTRow, isCurrent: Bool) -> [String] {
        let name = row.family.name
        guard isCurrent else { return [] }
        var line = "\(name): "
        if let problem = row.problem {
            line += problem.printable
        } else {
            line += "\(Format.count(row.goodNodes)) of \(Format.count(row.knownNodes)) nodes answer"
        }
        guard row.port != nil else { return [line] }
        if row.lookups > 0 { line += "; \(Format.count(row.lookups)) lookups under way" }
        var lines = [line]
        if let sentence = row.readOnlySentence { lines.append("\(name): \(sentence)") }
        var more = "\(name): our address is " + (row.externalAddress?.printable ?? "not known yet")
        if row.storedTorrents > 0 {
            more +=
                "; \(Format.count(row.storedPeers)) peers of \(Format.count(row.storedTorrents)) torrents stored for others"
        }
        return lines + [more]
    }

    private func table(_ nodes: [DHTNodeRow], _ now: Timestamp) -> String {
        var table = Table([.left("ADDRESS"), .left("ID"), .right("ROUND TRIP"), .left("LAST ANSWER")], flexible: 1)
        for node in nodes {
            table.add([
                "\(node.address)", Hex.encode(node.id), node.roundTrip.map { "\($0.wholeMilliseconds) ms" } ?? "",
                node.lastAnswer.map { Format.moment($0) } ?? "never",
            ])
        }
        return table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil)
    }

    private func object(_ status: DHTStatus) -> [UInt8] {
        let sum = status.families.first { status.isCurrent($0) }
        return JSONWriter.line { json in
            json.field("engine_running", status.engine.isRunning)
            json.field("running", status.isRunning)
            json.field("sentence", status.sentence)
            json.array("families", status.families) { json, row in
                json.object { json in
                    let isCurrent = status.isCurrent(row)
                    json.field("family", row.family == .v4 ? 4 : 6)
                    json.field("node_id", Hex.encode(row.nodeID))
                    json.field("external_address", row.externalAddress)
                    json.field("port", isCurrent ? row.port : nil)
                    json.field("problem", isCurrent ? row.problem : nil)
                    json.field("good_nodes", isCurrent ? row.goodNodes : nil)
                    json.field("known_nodes", isCurrent ? row.knownNodes : nil)
                    json.field("lookups", isCurrent ? row.lookups : nil)
                    json.field("stored_torrents", isCurrent ? row.storedTorrents : nil)
                    json.field("stored_peers", isCurrent ? row.storedPeers : nil)
                    json.field("at", row.at.rawValue)
                    json.field("read_only", isCurrent ? row.readOnly?.rawValue : nil)
                    json.field("external_votes", isCurrent ? row.externalVotes : nil)
                    json.field("nodes_stored", status.nodes.count { $0.family == row.family })
                }
            }
            json.field("nodes_stored", status.nodes.count)
            json.field("torrents_due", status.dueCount)
            json.field("searches_waiting", sum?.waiting)
            json.field("searches_ended", sum?.searched)
            json.field("announces_accepted", sum?.announced)
            json.field("packets_sent", sum?.sent)
            json.field("packets_received", sum?.received)
            json.field("packets_dropped", sum?.dropped)
            guard nodes else { return }
            json.array("nodes", status.nodes) { json, node in
                json.object { json in
                    json.field("address", "\(node.address)")
                    json.field("node_id", Hex.encode(node.id))
                    json.field("round_trip_ms", node.roundTrip.map { $0.wholeMilliseconds })
                    json.field("last_answer", node.lastAnswer?.rawValue)
                    json.field("verified", node.isVerified)
                }
            }
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }
}
