import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A database that a group of users may read, as its members and as others meet it.
struct SharingTests {
    private static let owner: uid_t = 54410
    private static let member: uid_t = 54411
    private static let stranger: uid_t = 54412
    private static let group: gid_t = 54413

    /// The program as another user runs it, from where that user can reach it.
    private struct OtherUser {
        let program: FilePath
        let folder: FilePath
        let database: FilePath

        func run(_ user: uid_t, _ arguments: String..., groups: [gid_t] = [SharingTests.group]) async throws
            -> RunningProgram.End
        {
            try await run(user, arguments, groups: groups)
        }

        func run(_ user: uid_t, _ arguments: [String], groups: [gid_t] = [SharingTests.group]) async throws
            -> RunningProgram.End
        {
            let setpriv = try RealProgram.require("setpriv", package: "util-linux")
            let groups =
                groups.isEmpty ? ["--clear-groups"] : ["--groups", groups.map { "\($0)" }.joined(separator: ",")]
            return try await setpriv.run(
                ["--reuid", "\(user)", "--regid", "\(user)"] + groups + [program.string] + arguments, in: folder,
                environment: ["PIECES_DATABASE": database.string, "HOME": folder.string])
        }
    }

    /// The folder is the owner's, and lets everybody through; the database is in a folder in it.
    private func withUsers(_ body: (OtherUser) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let program = folder.appending("pieces")
            try Files.copy(FilePath(try Pieces.program.path), to: program)
            let state = folder.appending("state")
            try Files.makeFolders(state)
            for (path, mode) in [(folder, 0o755), (program, 0o755), (state, 0o700)] as [(FilePath, mode_t)] {
                #expect(chown(path.string, Self.owner, Self.owner) == 0 && chmod(path.string, mode) == 0)
            }
            let users = OtherUser(program: program, folder: folder, database: state.appending("pieces.db"))
            let version = try await users.run(Self.member, "--version")
            guard version.exitCode == 0 else {
                try Test.cancel(
                    "other users can't run the program here, whose libraries or folders they may not read: \(version)")
            }
            try await body(users)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "Only root can run the program as other users."))
    func onlyGroupMembersReadASharedDatabase() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 981)
        try await withUsers { users in
            let file = users.folder.appending("sample.torrent")
            try Files.write(torrent.file, to: file)
            #expect(chmod(file.string, 0o644) == 0)
            let add = try await users.run(Self.owner, "add", file.string, "--output", users.folder.string)
            #expect(add.exitCode == 0, "\(add)")

            let unknown = try await users.run(Self.owner, "database", "share", "no-such-group")
            #expect(unknown.exitCode == 1 && unknown.errors.contains("no group “no-such-group”"), "\(unknown)")
            let outside = try await users.run(Self.owner, "database", "share", "\(Self.group)", groups: [])
            #expect(outside.exitCode == 1 && outside.errors.contains("not in the group"), "\(outside)")
            let foreign = try await users.run(Self.member, "database", "share", "\(Self.group)")
            #expect(foreign.exitCode == 1, "\(foreign)")

            let shared = try await users.run(Self.owner, "database", "share", "\(Self.group)")
            #expect(shared.exitCode == 0 && shared.output.contains("passkeys"), "\(shared)")
            let state = users.database.removingLastComponent()
            #expect(
                shared.errors.contains("the group \(Self.group) have no access to the folder \(state.string)"),
                "\(shared)")
            let kept = try await users.run(Self.member, "status")
            #expect(kept.exitCode == 1 && !kept.errors.contains("there is no database"), "\(kept)")
            #expect(chown(state.string, Self.owner, Self.group) == 0 && chmod(state.string, 0o750) == 0)
            let shown = try await users.run(Self.owner, "database", "share")
            #expect(
                shown.exitCode == 0 && shown.errors.isEmpty && shown.output.contains("the group \(Self.group)"),
                "\(shown)")

            try await readings(users, torrent.metainfo.name)
            let engine = try RealProgram.require("setpriv", package: "util-linux")
            try await withProgram(
                engine,
                [
                    "--reuid", "\(Self.owner)", "--regid", "\(Self.owner)", "--clear-groups", users.program.string,
                    "run", "--json",
                ] + Pieces.network,
                in: users.folder, environment: ["PIECES_DATABASE": users.database.string, "HOME": users.folder.string]
            ) { running in
                _ = try await running.address()
                // It became the program.
                let (isRunning, pid) = try await engineState(users)
                #expect(isRunning == true && pid == Int(running.pid))
                try await readings(users, torrent.metainfo.name)
                let second = try await users.run(Self.member, "run", "--listen-port", "0")
                #expect(
                    second.exitCode == 1 && second.errors.contains("the only user who can change this database"),
                    "\(second)")
            }
            // It was killed.
            let (isRunning, pid) = try await engineState(users)
            #expect(isRunning == false && pid == nil)

            let unshared = try await users.run(Self.owner, "database", "unshare")
            #expect(unshared.exitCode == 0, "\(unshared)")
            let late = try await users.run(Self.member, "status")
            #expect(late.exitCode == 1, "\(late)")
        }
    }

    /// The folder that the program makes for itself is opened and closed with the database; a folder of the user's
    /// stays as it is.
    @Test func defaultFolderIsSharedWithTheDatabase() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 982)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            func run(_ arguments: String..., own isOwn: Bool) async throws -> RunningProgram.End {
                let own = ["PIECES_DATABASE": "", "XDG_STATE_HOME": folder.appending("made").string]
                let users = ["PIECES_DATABASE": folder.appending("users/pieces.db").string]
                return try await pieces.start(arguments, environment: isOwn ? own : users).end()
            }
            func mode(_ path: FilePath) throws -> mode_t { try Files.status(path).st_mode & 0o777 }
            for (state, isOwn) in [("made/pieces", true), ("users", false)] {
                let state = folder.appending(state)
                let add = try await run("add", file.string, "--output", pieces.output.string, own: isOwn)
                #expect(add.exitCode == 0, "\(add)")
                #expect(try mode(state) == 0o700)
                let shared = try await run("database", "share", "\(getegid())", own: isOwn)
                #expect(shared.exitCode == 0, "\(shared)")
                #expect(try mode(state) == (isOwn ? 0o750 : 0o700) && mode(state.appending("pieces.db")) == 0o640)
                let doctor = try await run("doctor", own: isOwn)
                #expect(doctor.output.contains("can read it, including tracker passkeys"), "\(doctor)")
                let unshared = try await run("database", "unshare", own: isOwn)
                #expect(unshared.exitCode == 0, "\(unshared)")
                #expect(try mode(state) == 0o700 && mode(state.appending("pieces.db")) == 0o600)
            }
        }
    }

    private func engineState(_ users: OtherUser) async throws -> (isRunning: Bool?, pid: Int?) {
        let status = try await users.run(Self.member, "status", "--json")
        try #require(status.exitCode == 0, "\(status)")
        let object = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: any Sendable]
        let engine = try #require(object?["engine"] as? [String: any Sendable])
        return (engine["running"] as? Bool, engine["pid"] as? Int)
    }

    /// Every command that only reads works for a member, none that changes something does, and nothing works for a
    /// stranger.
    private func readings(_ users: OtherUser, _ name: String) async throws {
        let readings = [
            ["status"], ["files", "1"], ["peers", "1"], ["trackers", "1"], ["log"], ["explain", "1"],
            ["database", "check"], ["database", "backups"],
            ["database", "share"], ["export", "1", "-"], ["doctor"],
        ]
        for command in readings {
            let end = try await users.run(Self.member, command)
            // The doctor finds what this user may not do.
            #expect(command == ["doctor"] ? [0, 2].contains(end.exitCode) : end.exitCode == 0, "\(command): \(end)")
            let closed = try await users.run(Self.stranger, command, groups: [])
            #expect(
                closed.exitCode == 1 && closed.output.isEmpty && !closed.errors.contains(name), "\(command): \(closed)")
        }
        for command in [
            ["pause", "1"], ["remove", "1"], ["limit", "1", "--download", "1M"],
            ["database", "backups", "--keep", "0"], ["database", "unshare"],
        ] {
            let end = try await users.run(Self.member, command)
            #expect(end.exitCode == 1, "\(command): \(end)")
        }
    }
}
