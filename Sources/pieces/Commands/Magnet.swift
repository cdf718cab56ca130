import ArgumentParser
import Library
import Store
import Torrent

/// `pieces magnet`
struct Magnet: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "magnet", abstract: "Print a torrent's magnet link.",
        discussion: """
            The link has the torrent's hash, name, trackers and web seeds.

            Examples:
              pieces magnet debian.iso
              pieces magnet 3 --json
            """)

    @OptionGroup var options: ListOptions

    @Flag(help: "Print the link of a private torrent too, and URLs with a password.")
    var force = false

    func runDirectly() throws {
        let answer = try Library(try global.openToLook()).magnetLink(of: argument.torrent, includingSecrets: force)
        guard !json else { return Terminal.shared.print(bytes: object(answer)) }
        Terminal.shared.print("\(answer.link)")
        if answer.secretURLs > 0 {
            let urls = Format.count(answer.secretURLs, "URL")
            Terminal.shared.hint("The link doesn't have \(urls) with a password; give --force to include all URLs.")
        }
    }

    private func object(_ answer: Library.MagnetAnswer) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", answer.torrent.id.rawValue)
            json.field("info_hash", answer.torrent.infoHash)
            json.field("info_hash_v2", answer.link.v2.map { Hex.encode($0) })
            json.field("name", answer.torrent.name)
            json.field("magnet", "\(answer.link)")
            json.field("urls_left_out", answer.secretURLs)
        }
    }
}
