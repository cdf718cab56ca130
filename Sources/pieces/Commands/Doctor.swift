import ArgumentParser
import Library
import Store
import Torrent

/// `pieces doctor`
struct Doctor: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Check the database, disks, files, ports, trackers and clock, and advise on each problem.",
        discussion: """
            Changes nothing. Compares the size and time of files with the database's records, for the complete torrents that were \
            verified longest ago; `pieces verify` reads and hashes the files.

            Examples:
              pieces doctor
              pieces doctor --json

            Exit codes: 0 no problem found; 1 the database could not be read; 2 there is a problem.
            """)

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let found = try await Library(try global.openToLook()).checkUp(now: .now())
        Terminal.shared.print(bytes: json ? object(found) : Array(text(found).utf8))
        if found.contains(where: { $0.severity == .problem }) { throw ExitStatus.incomplete }
    }

    private func text(_ found: [Diagnosis]) -> String {
        let display = Terminal.shared.display
        return found.reduce(into: "") { text, one in
            let mark =
                switch one.severity {
                case .fine: "ok     "
                case .notice: display.text("notice ", .yellow)
                case .problem: display.text("PROBLEM", .red)
                }
            text += Terminal.shared.wrapped("\(mark)  \(one.area): \(one.sentence.printable)", indent: 9) + "\n"
            if let advice = one.advice { text += Terminal.shared.wrapped("         \(advice)", indent: 9) + "\n" }
        }
    }

    private func object(_ found: [Diagnosis]) -> [UInt8] {
        JSONWriter.line { json in
            json.array("findings", found) { json, one in
                json.object { json in
                    json.field("area", one.area.rawValue)
                    json.field("severity", one.severity.rawValue)
                    json.field("sentence", one.sentence)
                    json.field("advice", one.advice)
                }
            }
        }
    }
}
