package import ArgumentParser

/// All commands of the program, found by walking the tree that the parser uses.
package enum CommandTree {
    package typealias Entry = (path: [String], command: any ParsableCommand.Type)

    /// `pieces` itself comes first, and has an empty path.
    package static var all: [Entry] { entries(below: [], Pieces.self) }

    private static func entries(below path: [String], _ command: any ParsableCommand.Type) -> [Entry] {
        let configuration = command.configuration
        let children = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        var seen: Set<ObjectIdentifier> = []
        return [(path, command)]
            + children.filter { seen.insert(ObjectIdentifier($0)).inserted }.flatMap { child in
                entries(below: path + [child.configuration.commandName ?? "\(child)"], child)
            }
    }
}
