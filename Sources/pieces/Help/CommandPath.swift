import ArgumentParser
import Library

/// The names of commands at the beginning of a command line, found in the tree of commands.
struct CommandPath {
    /// The commands that are known, below `pieces`.
    private(set) var known: [String] = []
    /// The first word that should name a command but doesn't; `nil` if there is none.
    private(set) var unknown: String?
    private var candidates: [String] = []

    init(_ words: [String]) {
        var commands = Self.children(of: Pieces.self)
        for word in words {
            guard !commands.isEmpty, !word.hasPrefix("-") else { return }
            guard let command = commands.first(where: { Self.name(of: $0) == word }) else {
                unknown = word
                candidates = commands.map { Self.name(of: $0) }
                return
            }
            known.append(word)
            commands = Self.children(of: command)
        }
    }

    static func name(of command: any ParsableCommand.Type) -> String {
        let configuration: CommandConfiguration = command.configuration
        return configuration.commandName ?? ""
    }

    private static func children(of command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        let configuration: CommandConfiguration = command.configuration
        return configuration.subcommands + configuration.groupedSubcommands.flatMap { $0.subcommands }
    }

    /// The error for the unknown word. For `pieces help`, `topics` are the words that could have been meant besides the
    /// commands.
    func failure(topics: [String] = []) -> Failure {
        let word = unknown ?? ""
        let path = (["pieces"] + (topics.isEmpty ? [] : ["help"]) + known).joined(separator: " ")
        let suggestion = Suggestion.nearest(to: word, in: candidates + topics, habits: known.isEmpty)
        let question =
            suggestion.map { "did you mean `\(path) \($0)`?" } ?? "see `\(topics.isEmpty ? path : "pieces") --help`"
        return Failure.usage("“\(word)” is not a command\(topics.isEmpty ? "" : " or topic"); \(question)")
    }

    /// The arguments with the options of the whole program after the command, if they stand before it.
    static func movingGlobalOptions(_ arguments: [String]) -> [String] {
        var leading: [String] = []
        var rest = arguments[...]
        while let option = rest.first, let name = ["--database", "--log-level"].first(where: { option.hasPrefix($0) }) {
            let count = option == name ? 2 : 1
            guard option == name || option.hasPrefix(name + "="), rest.count >= count else { break }
            leading += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        guard !leading.isEmpty else { return arguments }
        let path = CommandPath(Array(rest)).known
        return path + leading + rest.dropFirst(path.count)
    }
}
