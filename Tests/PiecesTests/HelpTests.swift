import ArgumentParser
import Testing
import pieces

struct HelpTests {
    /// The names that lead to each command, except for `pieces` itself.
    static let commands = CommandTree.all.map(\.path).filter { !$0.isEmpty }

    @Test(arguments: commands)
    func everyCommandHasHelpWithExamples(command: [String]) async throws {
        try await withProgram { program in
            let answer = try await program.start(command + ["--help"]).end()
            #expect(answer.status == 0)
            #expect(answer.output.contains("Examples:"))
            #expect(answer.output.contains("USAGE: pieces \(command.joined(separator: " "))"))
            #expect(answer.errors.isEmpty)
        }
    }

    @Test func rootHelpIsShortAndListsAllCommandsAndExitCodes() async throws {
        try await withProgram { program in
            let help = try await program.succeed("--help").output
            for arguments in [[], ["help"], ["-h"], ["help", "help"]] {
                let same = try await program.start(arguments).end()
                #expect(same.status == 0 && same.output == help && same.errors.isEmpty, "\(arguments)")
            }
            let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count < 30 && lines.allSatisfy { $0.count <= 80 }, "\(help)")
            for command in Self.commands { #expect(help.contains("  \(command[0])"), "\(command[0])") }
            for code in ["0 done", "1 failed", "2 the download is incomplete", "64 wrong usage", "130 interrupted"] {
                #expect(help.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(code))
            }
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionsAreGenerated(shell: String) async throws {
        try await withProgram { program in
            let script = try await program.succeed("--generate-completion-script", shell).output
            for command in ["download", "verify", "status"] { #expect(script.contains(command)) }
        }
    }

    /// The parser asks each command for its name at every start. Making a name from that of the type takes as long as a
    /// short command itself.
    @Test func everyCommandHasAnExplicitName() {
        #expect(CommandTree.all.count > 25)
        for (_, command) in CommandTree.all { #expect(command.configuration.commandName != nil, "\(command)") }
    }

    /// A command line that the parser wraps can't be copied from the help.
    @Test func indentedLinesOfHelpFitEightyColumns() {
        for (path, command) in CommandTree.all {
            for line in command.configuration.discussion.split(separator: "\n") where line.hasPrefix("  ") {
                #expect(line.count < 80, "\(path): \(line)")
            }
        }
    }

    @Test(arguments: Help.topics.filter { $0 != "commands" }) func topicsFitTheTerminal(topic: String) async throws {
        try await withProgram { program in
            let text = try await program.succeed("help", topic).output
            #expect(text == Help.text(of: topic))
            for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
            #expect(try await program.succeed("--help").output.contains(topic))
        }
    }

    /// The options of the whole program are shown once, and accepted before and after each command.
    @Test func globalOptionsAreHiddenAndAccepted() async throws {
        try await withProgram { program in
            for command in Self.commands {
                let help = try await program.start(command + ["--help"]).end().output
                for option in ["--database", "--log-level", "--version"] {
                    #expect(!help.contains("  \(option)"), "\(command): \(option)")
                }
            }
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--database", "other.db")
            for arguments in [
                ["--database", "other.db", "status"], ["--database=other.db", "status", "set"],
                ["--log-level", "debug", "--database", "other.db", "database", "check"],
                ["--database", "other.db", "database", "check"],
            ] {
                let answer = try await program.start(arguments).end()
                #expect(answer.status == 0 && answer.output.contains("no damage") || answer.output.contains("set"))
            }
            #expect(!program.exists("pieces.db"))
        }
    }

    @Test(
        arguments: [
            (["sttus"], "did you mean `pieces status`?"), (["list"], "did you mean `pieces status`?"),
            (["database", "chek"], "did you mean `pieces database check`?"), (["xyzzy"], "see `pieces --help`"),
            (["help", "jsn"], "did you mean `pieces help json`?"), (["status", "--jso"], "--json"),
            (["pause", "--databse", "x"], "--database"),
        ] as [([String], String)])
    func unknownWordsNameTheNearest(arguments: [String], says: String) async throws {
        try await withProgram { program in
            let answer = try await program.start(arguments).end()
            #expect(answer.status == 64 && answer.output.isEmpty)
            #expect(answer.errors.contains(says), "\(answer.errors)")
        }
    }

    @Test func versionIsPrinted() async throws {
        try await withProgram { program in
            let version = try await program.succeed("--version").output
            #expect(version.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
            #expect(try await program.succeed("status", "--version").output == version)
        }
    }
}
