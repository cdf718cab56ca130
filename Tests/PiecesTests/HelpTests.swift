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

    @Test func rootHelpListsAllCommandsAndExitCodes() async throws {
        try await withProgram { program in
            let help = try await program.succeed("--help").output
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

    @Test func versionIsPrinted() async throws {
        try await withProgram { program in
            let version = try await program.succeed("--version").output
            #expect(version.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
        }
    }
}
