import ArgumentParser
import Engine
import Torrent

/// Writes a command's help as a page for man(1), in the format of man(7).
package struct ManualPage {
    /// So wide that the parser wraps no line; man(1) wraps them itself.
    private static let columns = 10_000

    private let node: CommandTree.Entry
    private var text = ""

    package init(_ node: CommandTree.Entry) { self.node = node }

    private var name: String { (["pieces"] + node.path).joined(separator: "-") }

    /// Below a prefix.
    package var path: String { "share/man/man1/\(name).1" }

    package func render() -> String {
        var page = self
        page.write()
        return page.text
    }

    private mutating func write() {
        let configuration = node.command.configuration
        text = ".TH \"\(name.uppercased())\" 1 \"\" \"pieces \(Program.version)\" \"User commands\"\n"
        section("NAME")
        text += "\(Self.escaped(name)) \\- \(Self.escaped(String(configuration.abstract.trimmingEnd("."))))\n"
        let help = Pieces.helpMessage(for: node.command, columns: Self.columns)
        var lines = help.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
        // The overview is written from its parts, because the help prints it without a title of its own.
        while let line = lines.first, !line.hasPrefix("USAGE:") { lines.removeFirst() }
        if let usage = lines.popFirst() {
            section("SYNOPSIS")
            text += ".B " + Self.escaped(String(usage.dropFirst("USAGE: ".count))) + "\n"
        }
        section("DESCRIPTION")
        paragraphs(configuration.discussion.isEmpty ? configuration.abstract : configuration.discussion)
        for line in lines { option(line) }
        section("SEE ALSO")
        let others = CommandTree.all.filter {
            $0.path != node.path && ($0.path.count == 1 || $0.path.dropLast() == node.path[...])
        }
        text += others.map { ".BR \(Self.escaped(ManualPage($0).name)) (1)" }.joined(separator: ",\n") + "\n"
    }

    private mutating func section(_ title: String) { text += ".SH \(Self.escaped(title))\n" }

    /// One line of the parser's help: a title, an option with its meaning, or text.
    private mutating func option(_ line: String) {
        guard !line.isEmpty else { return }
        if !line.hasPrefix(" "), line.hasSuffix(":") { return section(String(line.dropLast())) }
        let bare = line.drop { $0 == " " }
        if line.hasPrefix("  "), !line.hasPrefix("      "), !bare.isEmpty {
            let gap = bare.firstRange(ofText: "  ")
            text += ".TP\n.B \(Self.escaped(String(bare[..<(gap?.lowerBound ?? bare.endIndex)])))\n"
            if let gap { text += Self.escaped(String(bare[gap.upperBound...].drop { $0 == " " })) + "\n" }
        } else {
            text += Self.escaped(String(bare)) + "\n"
        }
    }

    /// Paragraphs are apart by empty lines. Indented lines are commands, and keep their form.
    private mutating func paragraphs(_ discussion: String) {
        var isExample = false
        for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
            let indented = line.hasPrefix("  ")
            if indented != isExample { text += indented ? ".nf\n.RS 4\n" : ".RE\n.fi\n" }
            isExample = indented
            if line.isEmpty {
                text += ".PP\n"
            } else {
                text += Self.escaped(String(line.drop { $0 == " " })) + "\n"
            }
        }
        if isExample { text += ".RE\n.fi\n" }
    }

    /// Text that the formatter would read as its own commands.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "`": result += "\\(ga"
            case "~": result += "\\(ti"
            case "^": result += "\\(ha"
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") ? "\\&" + result : result
    }
}

extension String {
    fileprivate func trimmingEnd(_ character: Character) -> Substring { last == character ? dropLast() : self[...] }
}
