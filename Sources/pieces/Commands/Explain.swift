import ArgumentParser
import Library
import Store
import Torrent

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
            """)

    @OptionGroup var options: ListOptions

    var waits: Bool { true }

    func runDirectly() throws { try answer(in: nil) }

    func run() async throws {
        try answer(in: try await Library(try global.openToLook()).place(of: argument.torrent))
    }

    private func answer(in place: Explanation.Place?) throws {
        let found = try Library(try global.openToLook()).explain(argument.torrent, in: place)
        let (torrent, causes) = (found.torrent, found.causes)
        Terminal.shared.print(
            bytes: json ? object(torrent, found.state, causes) : Array(text(torrent, found.word, causes).utf8))
    }

    private func text(_ torrent: TorrentRow, _ word: String, _ causes: [Explanation.Cause]) -> String {
        let has = torrent.hasMetadata ? ", \(Format.part(torrent.completedBytes, of: torrent.wantedBytes))" : ""
        var text = "\(torrent.name.printable): \(word)\(has)\n"
        for (number, cause) in causes.enumerated() {
            let start = causes.count > 1 ? "\(number + 1). " : ""
            text += Terminal.shared.wrapped("\(start)\(cause.sentence.printable)", indent: 3) + "\n"
            if let advice = cause.advice { text += Terminal.shared.wrapped("   \(advice)", indent: 3) + "\n" }
        }
        return text
    }

    private func object(_ torrent: TorrentRow, _ state: TorrentState, _ causes: [Explanation.Cause]) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", torrent.id.rawValue)
            json.field("info_hash", torrent.infoHash)
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
