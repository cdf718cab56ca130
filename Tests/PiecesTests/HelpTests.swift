import ArgumentParser
import Testing

@testable import pieces

struct HelpTests {
    static let commands = [
        ["download"], ["add"], ["run"], ["pause"], ["resume"], ["remove"], ["limit"], ["select"], ["status"], ["files"],
        ["peers"], ["trackers"],
        ["log"],
        ["verify"], ["create"], ["show"], ["export"], ["database"], ["database", "path"], ["database", "check"],
        ["database", "backup"],
        ["database", "backups"], ["database", "restore"], ["database", "salvage"], ["demo"],
    ]

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

    /// The parser asks each command for its name at every start; one that doesn't tell has it made of its type's, which
    /// takes as long as a short command itself.
    @Test func everyCommandTellsItsName() {
        var waiting: [any ParsableCommand.Type] = [Pieces.self]
        var count = 0
        while let command = waiting.popLast() {
            #expect(command.configuration.commandName != nil, "\(command)")
            waiting +=
                command.configuration.subcommands + command.configuration.groupedSubcommands.flatMap(\.subcommands)
            count += 1
        }
        #expect(count >= Self.commands.count)
    }

    @Test func versionIsPrinted() async throws {
        try await withProgram { program in
            let version = try await program.succeed("--version").output
            #expect(version.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
        }
    }
}
