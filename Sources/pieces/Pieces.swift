// Room: pieces.
// Duty: the command line: reads arguments, calls the rooms below, and prints the result.
// Owns: the wording and the JSON of all output; exit codes; signals.
// Never: decides anything about pieces, peers or durability; writes text from outside to a terminal unchanged.
// Invariants: an error is one sentence on standard error and an exit code; standard output contains only results, so
// that programs can read it.

package import ArgumentParser
import Dispatch
import Engine
import Glibc
import Library
import NIOCore
import NIOPosix
import System
import Torrent

@main
package struct Pieces: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pieces",
        abstract:
            "Download and seed torrents. All state is in one database, and downloads resume after any interruption.",
        discussion: """
            Examples:
              pieces download alice.torrent --output ~/books
              pieces add https://example.org/debian.torrent --output /srv/iso
              pieces run
              pieces status --watch
            """,
        groupedSubcommands: [
            CommandGroup(name: "Downloading", subcommands: [Download.self, Add.self, ImportCommand.self, Run.self]),
            CommandGroup(
                name: "Torrents",
                subcommands: [Pause.self, Resume.self, Remove.self, Move.self, Queue.self, Limit.self, Select.self]),
            CommandGroup(
                name: "Custody",
                subcommands: [Label.self, Note.self, Rename.self, ManifestCommand.self, ReportCommand.self]),
            CommandGroup(
                name: "Information",
                subcommands: [
                    Status.self, Files.self, Volumes.self, Peers.self, Trackers.self, WebSeeds.self, DHT.self,
                    Log.self,
                    Explain.self, Doctor.self,
                ]),
            CommandGroup(
                name: "Content",
                subcommands: [Verify.self, Scrub.self, Repair.self, Create.self, Show.self, Export.self, Magnet.self]),
            CommandGroup(
                name: "Program",
                subcommands: [
                    Database.self, SettingsCommand.self, Install.self, Uninstall.self, Service.self, Demo.self,
                ]),
        ])

    package init() {}

    /// Runs commands that don't wait on this thread, because starting other threads takes longer than most of these
    /// commands.
    package static func main() {
        Terminal.prepare()
        Interruption.prepare()
        ProblemJSON.prepare(arguments)
        do {
            let arguments = CommandPath.movingGlobalOptions(Self.arguments)
            if let text = try Help.answer(to: arguments) {
                Terminal.shared.print(bytes: Array(text.utf8))
                end(.done)
            }
            let path = CommandPath(arguments)
            if path.unknown != nil, arguments.first != "help" { throw path.failure() }
            let command = try parseAsRoot(arguments)
            if command is any AsyncParsableCommand, (command as? any AnsweringCommand)?.answers != true {
                Terminal.shared.reportWork()
            }
            try needs.require()
            if let command = command as? any Command { TerminalLog.install(command.global.logLevel) }
            if let command = command as? any DirectCommand, !command.waits {
                try Rereading.run { try command.runDirectly() }
            } else if let command = command as? any AsyncParsableCommand {
                try runInTask(command)
            } else {
                // Help and the other commands of the argument parser.
                var command = command
                try command.run()
            }
            end(.done)
        } catch {
            end(with: error)
        }
    }

    /// The arguments as ``PathText``. The standard library replaces bytes that aren't UTF-8, so that a path would name
    /// another file.
    private static var arguments: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0].map { PathText.text(cString: $0) } }
    }

    /// What every command needs; the memory is enough for a small torrent.
    private static let needs = ProcessLimit.Needs(memory: 16 << 20)

    private static func runInTask(_ command: sending any AsyncParsableCommand) throws -> Never {
        // A command looks up one name and fetches one address at a time, so one thread suffices. The default is one per
        // core.
        NIOSingletons.blockingPoolThreadCountSuggestion = 1
        NIOSingletons.groupLoopCountSuggestion = 1
        // If threads can't be started, a task would wait forever without an error.
        if command is any EngineCommand {
            ProcessLimit.raiseOpenFiles()
            try ProcessLimit.Needs.engine.require()
        } else {
            try ProcessLimit.Needs.task.require()
        }
        Task {
            var command = command
            for attempt in 1... {
                do {
                    try await command.run()
                    end(.done)
                } catch {
                    guard Rereading.helps(error, attempt), !Terminal.shared.hasBegun else { end(with: error) }
                }
            }
        }
        dispatchMain()
    }

    /// Ends the process. If the output is the purpose of the command, a success becomes a failure when the output could
    /// not be written.
    private static func end(_ status: ExitStatus) -> Never {
        if status == .done, let reason = Terminal.shared.lostOutput {
            complain("the output could not be written: \(reason)", .failed)
            Glibc.exit(ExitStatus.failed.rawValue)
        }
        Glibc.exit(status.rawValue)
    }

    private static func end(with error: any Error) -> Never {
        switch error {
        case let failure as Failure:
            complain(failure.description, failure.status)
            end(failure.status)
        case let status as ExitStatus:
            end(status)
        default:
            let code = exitCode(for: error)
            // Help and completions are not errors.
            if code == .success {
                Terminal.shared.print(fullMessage(for: error, columns: Help.width))
                end(.done)
            }
            guard code == .validationFailure else {
                complain("\(error)", .failed)
                end(.failed)
            }
            // The parser's text is a sentence, followed by the usage and a line that points to the help.
            let hint = fullMessage(for: error).split(separator: "\n").last { $0.contains(text: " --help") }
            complain(Help.suggesting(message(for: error)), .usage, hint: hint.map { String($0) })
            end(.usage)
        }
    }

    /// Reports the error that ends the command.
    private static func complain(_ sentence: String, _ status: ExitStatus, hint: String? = nil) {
        if let object = ProblemJSON.error(sentence, status, hint: hint.map { String($0.drop { $0 == " " }) }) {
            return Terminal.shared.hint(object)
        }
        Terminal.shared.complain(sentence)
        if let hint { Terminal.shared.hint(hint) }
    }
}

extension ProcessLimit.Needs {
    /// What a command in a task needs: two runtime threads per core, one disk thread per core plus three, and some
    /// threads that wait.
    fileprivate static let task = ProcessLimit.Needs(
        descriptors: 8, threads: 8 + 3 * System.coreCount, memory: 32 << 20)
    /// What an engine needs before its first peer: a task's threads plus the event loop, the database, two for names,
    /// and some of the runtime. The memory is for an engine with a few peers.
    fileprivate static let engine = ProcessLimit.Needs(
        descriptors: 24, threads: 14 + 3 * System.coreCount, memory: 64 << 20)
}

/// A command that runs an engine, which needs more system resources than others.
protocol EngineCommand: Command {}

/// A command that uses the database.
protocol Command: AsyncParsableCommand {
    var global: GlobalOptions { get }
}

/// A command whose purpose is its output: if the output can't be written, the command has failed. All other commands do
/// work that counts even if the report can't be written.
///
/// A reader that closes the pipe early, as `head` does, has received what it wanted, so this is not a failure.
protocol AnsweringCommand: AsyncParsableCommand {
    var answers: Bool { get }
}

extension AnsweringCommand {
    var answers: Bool { true }
}

/// A command that waits only for the database and files. It runs on the first thread of the process, because starting
/// threads, and checking that the system allows them, takes a millisecond of the few that the whole command takes.
protocol DirectCommand: Command {
    /// Whether this run waits for something else, so that it has to run in a task.
    var waits: Bool { get }
    /// Runs the command; must be called only if ``waits`` is `false`.
    func runDirectly() throws
}

extension DirectCommand {
    var waits: Bool { false }
    func run() async throws { try runDirectly() }
}
