import Library
import Logging
import Store
import System
import SystemPackage
import Torrent

/// Runs the user's commands on events: each at least once, also when the engine was killed in between, one at a time
/// and in order.
struct HookRunner {
    /// The key in the table `setting` of the last event whose commands were run.
    private static let seenKey = "hooks.seen"
    /// The longest that a command may run.
    private static let timeLimit = Duration.seconds(600)
    /// The most events in one look.
    private static let eventLimit = 100

    private let database: FilePath
    private let log = Logger(label: "pieces.hooks")

    init(database: FilePath) { self.database = database }

    /// Runs the commands for what happened since the last look. Events before the first command was set are skipped.
    /// Returns whether that was all.
    func look(_ settings: Settings) async throws -> Bool {
        let isWanted = Hook.allCases.contains { settings.text($0.key) != nil }
        let (events, last) = try news(isWanted: isWanted)
        for (event, row) in events {
            guard try !isBeforeMove(event), let hook = Hook(event.kind), let command = settings.text(hook.key) else {
                continue
            }
            guard try await run(command, for: hook, event, row) else { return false }
            // Saved after each command: a crash may repeat one command and loses none.
            try save(event.id)
        }
        if let newest = events.last?.0.id, newest != last { try save(newest) }
        return events.count < Self.eventLimit
    }

    private func news(isWanted: Bool) throws -> ([(EventRow, TorrentRow?)], seen: Int64?) {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        let seen = try connection.settings.value(Self.seenKey).flatMap { Int64($0) }
        guard isWanted else {
            if seen != nil { try save(nil) }
            return ([], nil)
        }
        guard let seen else {
            try save(try connection.events.newest())
            return ([], nil)
        }
        let events = try connection.events.rows(after: seen, limit: Self.eventLimit)
        return (try events.map { ($0, try $0.torrent.flatMap { try connection.torrents.row($0) }) }, seen)
    }

    /// Whether the torrent was completed in the folder for incomplete ones: its command runs when it has moved.
    private func isBeforeMove(_ event: EventRow) throws -> Bool {
        guard event.kind == .completed, let id = event.torrent else { return false }
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        return try connection.destinations.row(id) != nil || connection.events.has(.placed, of: id, after: event.id)
    }

    private func save(_ seen: Int64?) throws {
        try Connection.open(database, mode: .readWrite, now: .now()).settings.set(Self.seenKey, seen.map { "\($0)" })
    }

    /// Returns whether the command came to its end, so that it isn't run again. Throws if it can't be started; then it
    /// is tried again at the next look.
    private func run(_ command: String, for hook: Hook, _ event: EventRow, _ torrent: TorrentRow?) async throws -> Bool
    {
        let name = torrent.map { $0.name.printable } ?? "the engine"
        let input = Self.object(hook, event, torrent)
        let program = HelperProgram("/bin/sh", ["-c", command], environment: ["PIECES_EVENT": hook.rawValue])
        let result: HelperProgram.Result
        do throws(Errno) { result = try await program.run(input: input, within: Self.timeLimit) } catch {
            throw Failure("cannot run \(hook.key.rawValue) for \(name): \(error): it is tried again")
        }
        guard !result.isSuccess else {
            log.info("ran \(hook.key.rawValue) for \(name)")
            return true
        }
        let said = result.errors.split(separator: "\n").last.map { ": \(String($0).printable)" } ?? ""
        log.warning("\(hook.key.rawValue) for \(name): \(result.ending)\(said)")
        return !(Task.isCancelled && result.ending == .tookTooLong)
    }

    /// One line of JSON about the event and its torrent.
    static func object(_ hook: Hook, _ event: EventRow, _ torrent: TorrentRow?) -> [UInt8] {
        JSONWriter.line { json in
            json.field("event", hook.rawValue)
            EventJSON.fields(of: event, &json)
            if let torrent {
                json.object("torrent") { json in
                    json.field("id", torrent.id.rawValue)
                    json.field("info_hash", torrent.infoHash)
                    json.field("name", torrent.name)
                    json.path("output", "output_bytes", torrent.output)
                    json.field("wanted_bytes", torrent.wantedBytes)
                    json.field("completed_bytes", torrent.completedBytes)
                    json.field("downloaded_bytes", torrent.downloadedBytes)
                    json.field("uploaded_bytes", torrent.uploadedBytes)
                }
            } else {
                json.field("torrent", nil as String?)
            }
        }
    }
}

/// The events on which a user's command runs.
enum Hook: String, CaseIterable {
    case complete, damage, offline
    case diskFull = "disk-full"

    init?(_ kind: EventKind) {
        switch kind {
        case .completed, .placed: self = .complete
        case .rot, .unreadable, .missing, .edited, .inheritedDamage: self = .damage
        case .offline: self = .offline
        case .diskFull: self = .diskFull
        default: return nil
        }
    }

    var key: SettingKey {
        switch self {
        case .complete: .onComplete
        case .damage: .onDamage
        case .offline: .onOffline
        case .diskFull: .onDiskFull
        }
    }
}
