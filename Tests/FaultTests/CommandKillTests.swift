import Foundation
import TestSupport
import Testing
import Torrent

/// The real program is killed in everything else that users do with it: at every call that changes something, in turn.
///
/// `PIECES_KILLS=1200 swift test --filter FaultTests.CommandKillTests` kills so often, evenly by command, and with
/// 20000 at each of the calls.
@Suite(.serialized) struct CommandKillTests {
    /// Deaths in all commands together, where nothing is said.
    private static let usualKills = 100
    /// Processes that run at once: most of their time they wait.
    private static let atOnce = 8

    /// All, or the one that `PIECES_KILL_COMMAND` names.
    private static let commands =
        (UserCommand.payload + UserCommand.scrubs + UserCommand.engine + UserCommand.database + UserCommand.imports)
        .filter { command in
            ProcessInfo.processInfo.environment["PIECES_KILL_COMMAND"].map { $0 == command.name } ?? true
        }

    @Test(arguments: commands) func commandSurvivesAKillAtEveryCall(command: UserCommand) async throws {
        let count = try await CommandScenario.count(command)
        var deaths = Self.deaths(count)
        let boundaries = deaths.count
        let wanted = min(boundaries, (KillChoice.setting("PIECES_KILLS") ?? Self.usualKills) / Self.commands.count)
        deaths = (0..<wanted).map { deaths[$0 * boundaries / wanted] }
        if let only = KillChoice.setting("PIECES_KILL_SEED") { deaths = [(only, Self.death(only))] }
        var toll = CommandScenario.Toll()
        let tolls = try await KillChoice.die(at: deaths, atOnce: Self.atOnce) { number, death in
            try await Self.run(command, death, number)
        }
        for one in tolls {
            toll.kills += one.kills
            toll.lives += one.lives
            toll.checked += one.checked
        }
        print(
            "\(command.name): killed \(toll.kills) times in \(toll.lives) lives, at \(deaths.count) of \(boundaries) boundaries; "
                + "\(toll.checked) pieces hashed")
        // Threads don't always do the same, and the last calls may come no more.
        #expect(toll.kills >= deaths.count / 2)
    }

    /// Writes that are cut in half: of so many calls one.
    private static let tornEvery = 4

    /// Before each call, and in the middle of some; each with its number.
    private static func deaths(_ count: Int) -> [(number: Int, death: CommandScenario.Death)] {
        (0..<2 * count).map { ($0, death($0)) }.filter { $1.action == .killBefore || $1.nth % tornEvery == 0 }
    }

    private static func death(_ number: Int) -> CommandScenario.Death {
        CommandScenario.Death(nth: number / 2 + 1, action: number % 2 == 0 ? .killBefore : .tear)
    }

    /// Every third one dies again in its next run.
    private static func run(_ command: UserCommand, _ death: CommandScenario.Death, _ number: Int) async throws
        -> CommandScenario.Toll
    {
        var random = SeededGenerator(seed: UInt64(number))
        let again =
            number % 3 == 0
            ? CommandScenario.Death(nth: .random(in: 1...CommandScenario.soon, using: &random), action: .killBefore)
            : nil
        let replay =
            "PIECES_KILL_COMMAND='\(command.name)' PIECES_KILL_SEED=\(number) swift test --filter FaultTests.CommandKillTests"
        return try await CommandScenario.run(command, death, again: again, replay: replay)
    }
}
