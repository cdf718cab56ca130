import Disk
import Engine
import Recovery
import Store
import System
import SystemPackage
import Torrent

/// Checks everything that a healthy engine needs, and changes nothing.
struct Checkup {
    let connection: Connection
    let path: FilePath
    let engine: EngineState
    let disk: Disk
    let now: Timestamp

    init(_ library: Library, now: Timestamp) throws {
        connection = library.connection
        path = library.database
        engine = try library.engine()
        disk = try Disk()
        self.now = now
    }

    /// The number of bytes that should be free on the database's file system, for checkpoints and backups.
    static let databaseReserve: Int64 = 64 << 20
    /// The length of the log in bytes that shows that a reader has prevented checkpoints.
    static let longLog: Int64 = 256 << 20
    /// The maximum number of folders to check; those with the most torrents are checked.
    static let folderLimit = 1000
    /// The number of torrents whose files are compared with their fingerprints; those verified longest ago are
    /// compared.
    static let sampleSize = 100
    /// The number of descriptors that a busy engine needs for its connections, its files and itself.
    static let fewestDescriptors: UInt64 = 1024
    /// The age at which a backup counts as old: two default backup intervals of a running engine.
    static let oldBackup = Duration.seconds(2 * 24 * 3600)
    /// The number of consecutive failures after which a tracker counts as dead.
    static let deadAfter = 3

    /// Returns all findings, area by area.
    func run() async throws -> [Diagnosis] {
        var found = program()
        found.append(hashing())
        found += try await database()
        found += try backups()
        found += try engineRuns()
        found += try torrents()
        found += try await volumes()
        found += try await files()
        found += try scrubs()
        found += try imports()
        found += ports()
        found += try trackers()
        found += try dht()
        found += try clock()
        found += limits()
        return found
    }

    private func program() -> [Diagnosis] {
        [
            .fine(
                .program,
                "pieces \(Program.version), SQLite \(Connection.libraryVersion), Linux \(Linux.release)"
            )
        ]
    }

    /// Tells which of its implementations the program hashes with.
    private func hashing() -> Diagnosis {
        func sentence(_ choice: HashChoice) -> String {
            let width = choice.messages == 1 ? "one piece" : "\(choice.messages) pieces"
            let rate = choice.rate.map { ", \(Format.rate($0)) a core" } ?? ""
            return "\(choice.name), \(width) at a time\(rate)"
        }
        let many = HashChoice.sha1(of: HashChoice.mostMessages)
        let v2 = HashChoice.sha256(of: HashChoice.mostMessages)
        let origin = many.rate == nil ? "; a table chose, since the machine was too busy for a measurement" : ""
        return .fine(
            .hashing,
            "SHA-1 by \(sentence(many)) (\(sentence(.sha1(of: 1)))); SHA-256 by \(sentence(v2))\(origin)")
    }

    private func database() async throws -> [Diagnosis] {
        var found: [Diagnosis] = []
        let faults = try connection.integrityFaults(.structure)
        let size = connection.sizes
        if let fault = faults.first {
            found.append(
                .problem(
                    .database,
                    "\(path.text.printable) is damaged (\(Format.count(faults.count, "finding")), the first: \(fault.printable))",
                    "run `pieces database salvage` or start the engine: either repairs it and keeps the damaged file"))
        } else {
            let schema = try connection.schemaVersion()
            found.append(
                .fine(
                    .database, "\(path.text.printable): \(Format.bytes(size.file)), schema \(schema), no damage found"))
        }
        switch DatabaseSharing.readers(of: path) {
        case .ownerAlone: break
        case .group(let id):
            found.append(
                .fine(
                    .database,
                    "members of the group \(DatabaseSharing.Group(id: id).name) can read it, including tracker passkeys"
                ))
        case .everyUser:
            found.append(
                .notice(
                    .database, "every user of this machine can read it, including tracker passkeys",
                    "restrict it with `pieces database unshare` or `pieces database share GROUP`"))
        }
        if size.log > Self.longLog {
            found.append(
                .notice(
                    .database, "its log has grown to \(Format.bytes(size.log))",
                    "a program has kept the database open for a long time: close it"))
        }
        if let warning = FileSystemKind(holding: path).warning(path) {
            found.append(.notice(.database, warning, "a database on a local disk is faster and safer"))
        }
        let free = try await disk.freeSpace(at: path)
        if free < Self.databaseReserve {
            found.append(
                .problem(
                    .database, "its file system has only \(Format.bytes(free)) free",
                    "free some space: without it, progress can't be recorded"))
        }
        return found
    }

    /// Checks the age of the newest backup.
    private func backups() throws -> [Diagnosis] {
        guard let newest = try BackupFile.list(path).first else {
            return [
                .notice(
                    .backups, "there is no backup of the database yet",
                    "a running engine makes them; `pieces database backup FILE` makes one now")
            ]
        }
        let age = now - newest.at
        guard age > Self.oldBackup else {
            return [.fine(.backups, "the newest backup is from \(Format.moment(newest.at))")]
        }
        return [
            .notice(
                .backups, "the newest backup is \(Format.time(age)) old",
                "a running engine makes one a day; `pieces database backup FILE` makes one now")
        ]
    }

    private func engineRuns() throws -> [Diagnosis] {
        guard !engine.isRunning else { return [.fine(.engine, engine.sentence)] + (try queue()) }
        if engine.isUnknown {
            return [.notice(.engine, engine.sentence, "run `pieces status` as the database's owner")]
        }
        guard let last = try connection.runs.last() else {
            return [.notice(.engine, engine.sentence, "start it with `pieces run`")]
        }
        guard last.stoppedAt == nil else { return [.notice(.engine, engine.sentence, "start it with `pieces run`")] }
        return [
            .notice(
                .engine, "the engine was killed; it was last seen \(Format.moment(last.heartbeatAt))",
                "start `pieces run`: only pieces that were being written are re-checked")
        ]
    }

    /// Reports the torrents that are waiting for a slot of the engine.
    private func queue() throws -> [Diagnosis] {
        guard let queue = try QueueState(engine, connection), let advice = queue.advice else { return [] }
        return queue.sentences.map { .notice(.engine, $0, advice) }
    }

    private func torrents() throws -> [Diagnosis] {
        let moves = try connection.moves.rows().map { move in
            Diagnosis.notice(
                .torrents,
                move.isHeld
                    ? "torrent \(move.torrent) is being moved from \(move.source.printable) to \(move.target.printable)"
                    : "torrent \(move.torrent) was moved to \(move.target.printable), but some of its old files are still in \(move.source.printable)",
                "wait for `pieces move`; if it was interrupted, `pieces move \(move.torrent)` continues")
        }
        return moves + (try troubles())
    }

    private func troubles() throws -> [Diagnosis] {
        let count = try connection.torrents.count()
        let troubles = try connection.torrents.troubleSums()
        guard !troubles.isEmpty else {
            return [.fine(.torrents, "\(Format.count(count, "torrent")), none offline or with an error")]
        }
        return troubles.map { trouble in
            let example = trouble.error.map { ", for example: \($0.printable)" } ?? ""
            return .problem(
                .torrents,
                "\(Format.count(trouble.torrents)) of \(Format.count(count, "torrent")) in state \(trouble.state)\(example)",
                "`pieces status` lists them, and `pieces explain TORRENT` says what to do")
        }
    }

    private func trackers() throws -> [Diagnosis] {
        let dead = try connection.trackers.failing(failures: Self.deadAfter, limit: 5)
        guard !dead.isEmpty else { return [.fine(.trackers, "no tracker has failed \(Self.deadAfter) times in a row")] }
        return dead.map { tracker in
            let said = tracker.lastError.map { ": \($0.printable)" } ?? ""
            return .notice(
                .trackers,
                "\(tracker.url.shownURL) has failed \(tracker.failures) times in a row for \(Format.count(tracker.torrents, "torrent"))\(said)",
                "pieces retries at growing intervals, and uses other trackers and known peers meanwhile")
        }
    }

    private func clock() throws -> [Diagnosis] {
        guard let latest = try connection.runs.latestMoment(), latest > now, latest - now > .seconds(60) else {
            return [.fine(.clock, "the clock shows \(Format.moment(now))")]
        }
        return [
            .problem(
                .clock,
                "the clock is \(Format.time(latest - now)) behind the latest time in the database, \(Format.moment(latest))",
                "set the clock: until then, times in the log and announce times are wrong")
        ]
    }

    private func limits() -> [Diagnosis] {
        // An engine raises its own limit to this maximum.
        let descriptors = ProcessLimit.openFiles.highestValue ?? .max
        guard descriptors < Self.fewestDescriptors else {
            return [.fine(.limits, "\(Format.count(descriptors)) open files are allowed")]
        }
        return [
            .notice(
                .limits, "only \(Format.count(descriptors)) open files are allowed",
                "raise the limit (`ulimit -n 4096`) to use many peers or files at once")
        ]
    }
}
