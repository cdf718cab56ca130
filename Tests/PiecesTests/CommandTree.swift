import ArgumentParser
import pieces

/// All commands of the program, found by walking the tree that the parser uses.
enum CommandTree {
    typealias Entry = (path: [String], command: any ParsableCommand.Type)

    /// `pieces` itself has an empty path.
    static let all: [Entry] = entries(below: [], Pieces.self)

    private static func entries(below path: [String], _ command: any ParsableCommand.Type) -> [Entry] {
        let configuration = command.configuration
        let children = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        var seen: Set<ObjectIdentifier> = []
        return [(path, command)]
            + children.filter { seen.insert(ObjectIdentifier($0)).inserted }.flatMap { child in
                entries(below: path + [child._commandName], child)
            }
    }
}
