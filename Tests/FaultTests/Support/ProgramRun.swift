import Glibc
import SystemPackage
import TestSupport
import Torrent

/// One process of the program, from its start to its death or end.
struct ProgramRun: Sendable, CustomStringConvertible {
    /// How it is to end.
    enum Death: Sendable, Hashable {
        /// At a call.
        case boundary(Fault)
        /// At a moment after its start.
        case moment(Duration)
        /// SIGTERM when it has been at work for so long, and then at a call of its coming to rest.
        case shutdown(after: Duration, Fault)
        /// Not at all.
        case none
    }

    let death: Death

    var description: String {
        switch death {
        case .boundary(let fault): "\(fault)"
        case .moment(let time): "after \(time)"
        case .shutdown(let time, let fault): "SIGTERM after \(time), then \(fault)"
        case .none: "no death"
        }
    }

    /// The longest that a run may take.
    private static let limit = Duration.seconds(150)

    /// Lives it; how it ended.
    func run(_ pieces: Pieces, _ arguments: [String], clockOffset: Duration = .zero, counts: FilePath? = nil)
        async throws -> RunningProgram.End
    {
        let flag = pieces.folder.appending("shutdown")
        if Files.exists(flag) { try Files.remove(flag) }
        var faults: [Fault] = []
        switch death {
        case .boundary(let fault): faults = [fault]
        case .shutdown(_, var fault):
            fault.after = flag
            faults = [fault]
        case .moment, .none: break
        }
        let running = try pieces.start(
            arguments, environment: try Shim.environment(for: pieces, faults, counts: counts, clockOffset: clockOffset))
        let end = await Result {
            switch death {
            case .moment(let time):
                try await Task.sleep(for: time)
                await running.kill()
            case .shutdown(let time, _):
                // Before it listens a signal ends it at once.
                try await eventually("\(running.name) to listen", within: Self.limit) {
                    running.output.contains("listening") || !running.isRunning
                }
                try await Task.sleep(for: time)
                try Files.write([], to: flag)
                running.send(SIGTERM)
            case .boundary, .none: break
            }
            return try await running.end(within: Self.limit)
        }
        await running.kill()
        return try end.get()
    }
}
