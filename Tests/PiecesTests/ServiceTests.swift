import Foundation
import Glibc
import TestSupport
import Testing
import pieces

/// The program as a service: its unit, its messages to the service manager, its commands on events and its watch
/// folder.
struct ServiceTests {
    private static let network = ["--bind", "127.0.0.1", "--listen-port", "0"]

    /// What systemd would receive.
    private final class Manager {
        private let socket: Int32
        let path: String

        init(in folder: URL) throws {
            path = folder.appendingPathComponent("notify").path
            socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let result = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(result == 0)
        }

        deinit { close(socket) }

        private(set) var received: [String] = []

        /// All messages so far.
        func messages() -> [String] {
            var bytes = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(socket, &bytes, bytes.count, 0), count > 0 {
                received.append(String(decoding: bytes.prefix(count), as: UTF8.self))
            }
            return received
        }
    }

    @Test(arguments: [false, true]) func unitPassesTheCheckOfSystemd(isOfUser: Bool) async throws {
        try await withProgram { program in
            let flags = isOfUser ? ["--user"] : []
            let answer = try await program.start(["service", "install", "--unit-directory", "units"] + flags).end()
            #expect(answer.status == 0, "\(answer)")
            let unit = String(decoding: try program.read("units/pieces.service"), as: UTF8.self)
            #expect(unit.contains("Type=notify") && unit.contains("WatchdogSec=") && unit.contains("ExecReload="))
            let check = Process()
            check.executableURL = URL(fileURLWithPath: "/usr/bin/systemd-analyze")
            check.arguments = [
                "verify", "--man=no", program.folder.appendingPathComponent("units/pieces.service").path,
            ]
            let errors = Pipe()
            check.standardError = errors
            try check.run()
            let said = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            check.waitUntilExit()
            // Where systemd doesn't run, it can't be told of a new user; all else is checked.
            let faults = said.split(separator: "\n").filter { $0.contains("pieces.service") }
            #expect(faults.isEmpty, "\(said)")
            // A unit of another maker stays as it is.
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("other"), withIntermediateDirectories: true)
            try program.write("other/pieces.service", Array("[Unit]\n".utf8))
            for command in ["install", "uninstall"] {
                let refused = try await program.run("service", command, "--unit-directory", "other")
                #expect(refused.status == 1 && refused.errors.contains("was not written by"), "\(refused)")
            }
            #expect(try program.read("other/pieces.service") == Array("[Unit]\n".utf8))
            #expect(try await program.run("service", "uninstall", "--unit-directory", "units").status == 0)
            #expect(!program.exists("units/pieces.service"))
        }
    }

    @Test func serviceManagerIsToldOfReadinessReloadsAndTheEnd() async throws {
        try await withProgram { program in
            let manager = try Manager(in: program.folder)
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent(".config/pieces"), withIntermediateDirectories: true)
            try program.write(".config/pieces/pieces.toml", Array("upload-limit = \"5M\"\n".utf8))
            let running = try program.start(
                ["run", "--log-level", "notice"] + Self.network,
                environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "4000000"])
            try await eventually("READY", within: .seconds(60)) {
                manager.messages().contains { $0.hasPrefix("READY=1\nSTATUS=listening on port") }
            }
            try await eventually("a sign of life", within: .seconds(60)) { manager.messages().contains("WATCHDOG=1") }
            // SIGHUP reads the settings again, and doesn't end the service.
            try program.write(".config/pieces/pieces.toml", Array("upload-limit = \"6M\"\n".utf8))
            running.send(SIGHUP)
            try await eventually("the reload", within: .seconds(60)) {
                manager.messages().contains { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
                    && manager.messages().contains { $0.contains("settings read again") }
            }
            #expect(running.isRunning)
            running.send(SIGTERM)
            let answer = try await running.end()
            #expect(answer.status == 0 && answer.errors.contains("applied the changed settings"), "\(answer)")
            #expect(manager.messages().last == "STOPPING=1")
        }
    }

    /// A file in the watch folder is added and set aside, and the command on completion runs once, with JSON.
    @Test func watchFolderAddsTorrentsAndCompletionRunsACommand() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("in"), withIntermediateDirectories: true)
            try await program.succeed("settings", "set", "watch", "in")
            try await program.succeed("settings", "set", "watch-output", "here")
            try await program.succeed("settings", "set", "on-complete", "cat >> '\(program.folder.path)/hook.json'")
            let running = try program.start(["run"] + Self.network)
            try FileManager.default.moveItem(
                at: program.folder.appendingPathComponent("set.torrent"),
                to: program.folder.appendingPathComponent("in/set.torrent"))
            try await eventually("the file to be set aside", within: .seconds(90)) {
                program.exists("in/set.torrent.added")
            }
            #expect(!program.exists("in/set.torrent"))
            let line = try await eventually("the command to run", within: .seconds(90)) { () -> String? in
                guard program.exists("hook.json") else { return nil }
                let text = String(decoding: try program.read("hook.json"), as: UTF8.self)
                return text.hasSuffix("\n") ? text : nil
            }
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            #expect(object["event"] as? String == "complete")
            let torrent = try #require(object["torrent"] as? [String: Any])
            #expect(torrent["name"] as? String == "set" && torrent["completed_bytes"] as? Int == 300_000)
            running.send(SIGTERM)
            #expect(try await running.end().status == 0)
            // What was seen stays seen.
            let second = try program.start(["run", "--until-complete"] + Self.network)
            #expect(try await second.end().status == 0)
            #expect(String(decoding: try program.read("hook.json"), as: UTF8.self) == line)
        }
    }

    @Test func installedFilesAreRemovedAgain() async throws {
        try await withProgram { program in
            try await program.succeed("install", "--prefix", "place")
            #expect(program.exists("place/bin/pieces"))
            let installed = Process()
            installed.executableURL = program.folder.appendingPathComponent("place/bin/pieces")
            installed.arguments = ["--version"]
            installed.standardOutput = FileHandle.nullDevice
            try installed.run()
            installed.waitUntilExit()
            #expect(installed.terminationStatus == 0)
            for (path, _) in CommandTree.all {
                let page = "place/share/man/man1/\((["pieces"] + path).joined(separator: "-")).1"
                let text = String(decoding: try program.read(page), as: UTF8.self)
                #expect(text.hasPrefix(".TH ") && text.contains(".SH SYNOPSIS\n") && text.contains(".SH DESCRIPTION\n"))
            }
            for file in [
                "bash-completion/completions/pieces", "zsh/site-functions/_pieces",
                "fish/vendor_completions.d/pieces.fish",
            ] {
                #expect(try program.read("place/share/\(file)").count > 1000)
            }
            try await program.succeed("uninstall", "--prefix", "place")
            let left = try FileManager.default.subpathsOfDirectory(
                atPath: program.folder.appendingPathComponent("place").path
            ).filter { !$0.isEmpty && (try? program.read("place/\($0)")) != nil }
            #expect(left.isEmpty)
        }
    }

    /// A program that `install` didn't put there stays, also if it replaced ours.
    @Test func uninstallKeepsForeignPrograms() async throws {
        try await withProgram { program in
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("place/bin"), withIntermediateDirectories: true)
            try program.write("place/bin/pieces", Array("#!/bin/sh\n".utf8))
            let foreign = try await program.run("uninstall", "--prefix", "place")
            #expect(foreign.status == 0 && foreign.errors.contains("did not put it there"), "\(foreign)")
            #expect(program.exists("place/bin/pieces"))
            try await program.succeed("install", "--prefix", "place")
            try program.write("place/bin/pieces", Array("#!/bin/sh\n".utf8))
            let replaced = try await program.run("uninstall", "--prefix", "place")
            #expect(replaced.status == 0 && replaced.errors.contains("did not put it there"), "\(replaced)")
            #expect(program.exists("place/bin/pieces") && !program.exists("place/share/pieces/installed.sha256"))
        }
    }

    /// Every page is free of faults for the formatter that man(1) uses.
    @Test func manualPagesAreWellFormed() async throws {
        try await withProgram { program in
            try await program.succeed("install", "--prefix", "place")
            let folder = program.folder.appendingPathComponent("place/share/man/man1")
            let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(pages.count == CommandTree.all.count)
            let check = Process()
            check.executableURL = URL(fileURLWithPath: "/usr/bin/groff")
            check.arguments =
                ["-man", "-Kutf8", "-Tutf8", "-ww", "-z"] + pages.map { folder.appendingPathComponent($0).path }
            let errors = Pipe()
            check.standardError = errors
            try check.run()
            let said = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            check.waitUntilExit()
            #expect(check.terminationStatus == 0 && said.isEmpty, "\(said.prefix(2000))")
        }
    }

    @Test func settingsCommandShowsOriginsAndChangesValues() async throws {
        try await withProgram { program in
            let set = try await program.succeed("settings", "set", "upload-limit", "3M")
            #expect(set.output == "upload-limit = 3M (database)\n")
            #expect(try await program.succeed("settings", "get", "upload-limit").output == "3M\n")
            let object = try #require(
                try await program.succeed("settings", "list", "--json").json as? [String: Any])
            let rows = try #require(object["settings"] as? [[String: Any]])
            let row = try #require(rows.first { $0["key"] as? String == "upload-limit" })
            #expect(row["value"] as? String == "3M" && row["origin"] as? String == "database")
            let unknown = try await program.run("settings", "set", "upload-limti", "3M")
            #expect(unknown.status == 64 && unknown.errors.contains("did you mean upload-limit?"))
            try await program.succeed("settings", "unset", "upload-limit")
            #expect(try await program.succeed("settings", "get", "upload-limit").output.isEmpty)
        }
    }

    /// A folder from the settings is for new torrents; it doesn't contradict where a known one is.
    @Test func outputSettingIsForNewTorrents() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("settings", "set", "output", "first")
            try await program.succeed("add", "set.torrent")
            try await program.succeed("settings", "set", "output", "second")
            try await program.succeed("add", "set.torrent")
            let torrent = try #require(try await program.torrents().first)
            #expect(torrent["output"] as? String == program.folder.appendingPathComponent("first").path)
        }
    }
}
