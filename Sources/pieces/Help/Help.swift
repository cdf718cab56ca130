import ArgumentParser
import Engine
import Torrent

/// The help of the whole program; the argument parser prints that of a command.
package enum Help {
    /// The widest line, so that the help fits the smallest usual terminal.
    static let columns = 80

    /// The width of a command's help. In a narrow terminal the lines are not made shorter, because an example that is
    /// broken into two lines can't be pasted.
    static var width: Int { min(max(columns, Terminal.shared.size.width), 100) }

    /// The names of the topics for `pieces help TOPIC`.
    package static var topics: [String] { ["commands"] + HelpTopic.all.map(\.name) }

    /// What to print if the arguments ask for the help of the program, a topic, or the version; `nil` otherwise.
    static func answer(to arguments: [String]) throws -> String? {
        if arguments.prefix(while: { $0 != "--" }).contains("--version") { return Program.version + "\n" }
        guard let first = arguments.first else { return overview }
        if ["--help", "-h"].contains(first) { return overview }
        guard first == "help" else { return nil }
        guard let name = arguments.dropFirst().first(where: { !$0.hasPrefix("-") }) else { return overview }
        if name == "help" { return overview }
        if let text = text(of: name) { return text }
        let path = CommandPath(arguments.dropFirst().filter { !$0.hasPrefix("-") })
        if path.unknown == nil { return nil }
        throw path.failure(topics: topics)
    }

    /// The parser's message, with the option of the whole program that was probably meant. The parser doesn't suggest
    /// options that the help of a command hides.
    static func suggesting(_ message: String) -> String {
        let beginning = "Unknown option '"
        guard message.hasPrefix(beginning), !message.contains(text: "Did you mean") else { return message }
        let option = message.dropFirst(beginning.count).prefix { $0 != "'" }
        let known = ["--database", "--log-level", "--version", "--help", "--json", "--quiet"]
        guard let near = Suggestion.nearest(to: String(option), in: known), near != option else { return message }
        return "\(message). Did you mean '\(near)'?"
    }

    /// The text of a topic; `nil` if there is none of this name.
    package static func text(of topic: String) -> String? {
        if topic == "commands" { return Pieces.helpMessage(columns: width) + "\n" }
        return HelpTopic.all.first { $0.name == topic }?.text
    }

    /// What `pieces` alone prints.
    package static var overview: String {
        let groups = Pieces.configuration.groupedSubcommands
        let column = (groups.map(\.name.count).max() ?? 0) + 1
        var lines = [
            "Download and seed torrents. All state is in one database, and downloads resume",
            "after any interruption.",
            "",
            "  pieces download debian.torrent --output ~/Downloads  # exits when complete",
            "  pieces download debian.iso                           # resumes it",
            "  pieces add *.torrent --output /srv && pieces run     # all, until stopped",
            "  pieces status --watch                                # from any terminal",
            "  pieces explain debian.iso                            # why it is slow",
            "",
        ]
        for group in groups {
            let names = group.subcommands.map { CommandPath.name(of: $0) }
            let heading = (group.name + ":").padded(column)
            let rows = names.joined(separator: "  ").lines(within: Help.columns - column - 2)
            for (number, row) in rows.enumerated() {
                lines.append("\(number == 0 ? heading : String(repeating: " ", count: column))  \(row)")
            }
        }
        lines += [
            "",
            "`pieces help COMMAND` explains a command; `pieces help commands` lists them all.",
            "`pieces help TOPIC` explains " + HelpTopic.all.map(\.name).joined(separator: ", ") + ".",
            "Every command accepts --help and --version; those that use a database accept",
            "--database FILE and --log-level LEVEL too.",
            "",
            HelpTopic.exitCodes,
            "",
        ]
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// The text in lines of at most `width` characters, broken at spaces. Several spaces in a row are kept.
    func lines(within width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in split(separator: " ", omittingEmptySubsequences: false) {
            if line.isEmpty {
                line = String(word)
            } else if line.count + 1 + word.count <= width {
                line += " " + word
            } else {
                lines.append(line.trimmed)
                line = String(word)
            }
        }
        return lines + [line.trimmed]
    }

    private var trimmed: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text.drop { $0 == " " })
    }
}
