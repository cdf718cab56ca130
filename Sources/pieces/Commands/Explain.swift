import ArgumentParser
import Disk
import Store

/// `pieces explain`
struct Explain: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain why a torrent isn't downloading, most likely cause first.",
        discussion: """
            Reads the database, and checks whether the torrent's files can be reached. Works without a running engine.

            Examples:
              pieces explain debian.iso
              pieces explain 3 --json

            --json prints {"id", "info_hash", "name", "state", "causes": [{"kind", "sentence", "advice"}]}. `kind` is one of \
            \(Explanation.Kind.allCases.map(\.rawValue).joined(separator: ", ")).
            """)

    @OptionGroup var options: ListOptions

    /// How long a folder may take to answer: one on a server that is gone never does.
    private static let patience = Duration.seconds(5)

    var waits: Bool { true }

    func runDirectly() throws { try answer(in: nil) }

    func run() async throws {
        let connection = try global.openToLook()
        try answer(in: await place(of: try connection.findTorrent(argument.torrent), connection))
    }

    /// Where the payload is now; `nil` for a torrent that hasn't begun, or that the database can't say enough of.
    private func place(of torrent: TorrentRow, _ connection: Connection) async -> Explanation.Place? {
        guard torrent.isRootSeen else { return nil }
        let known: StoredTorrent
        let disk: Disk
        do {
            known = try StoredTorrent(torrent, connection)
            disk = try Disk()
        } catch {
            return nil
        }
        let (answers, sink) = AsyncStream.makeStream(of: Explanation.Place.self)
        Task {
            let look = await known.look(disk)
            let isAnotherDisk = look.reach == .anotherDisk
            sink.yield(
                look.reach.isOffline ? .offline(reason: look.reason ?? "", isAnotherDisk: isAnotherDisk) : .reachable)
        }
        Task {
            do { try await Task.sleep(for: Self.patience) } catch { return }
            sink.yield(.silent)
        }
        return await answers.first { _ in true }
    }

    private func answer(in place: Explanation.Place?) throws {
        let connection = try global.openToLook()
        let torrent = try connection.findTorrent(argument.torrent)
        let engine = try EngineState(database: try global.path, connection)
        var facts = try Explanation.Facts(torrent, engine, connection, now: .now())
        facts.place = place
        let causes = Explanation(facts).causes
        let state = if case .offline = place { TorrentState.offline } else { engine.state(of: torrent) }
        Terminal.shared.print(bytes: json ? object(torrent, state, causes) : Array(text(torrent, state, causes).utf8))
    }

    private func text(_ torrent: TorrentRow, _ state: TorrentState, _ causes: [Explanation.Cause]) -> String {
        let has = "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        var text = "\(torrent.name.printable): \(state), \(has)\n"
        for (number, cause) in causes.enumerated() {
            text += "\(causes.count > 1 ? "\(number + 1). " : "")\(cause.sentence.printable)\n"
            if let advice = cause.advice { text += "   \(advice)\n" }
        }
        return text
    }

    private func object(_ torrent: TorrentRow, _ state: TorrentState, _ causes: [Explanation.Cause]) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", torrent.id.rawValue)
            json.field("info_hash", "\(torrent.infoHash)")
            json.field("name", torrent.name)
            json.field("state", state.rawValue)
            json.array("causes", causes) { json, cause in
                json.object { json in
                    json.field("kind", cause.kind.rawValue)
                    json.field("sentence", cause.sentence)
                    json.field("advice", cause.advice)
                }
            }
        }
    }
}
