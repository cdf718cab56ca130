import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What becomes of a command whose output nobody reads, or that can't be written: work goes on, and a question whose
/// answer is lost has failed.
@Suite(.crowded) struct OutputTests {
    /// Runs words of a shell in which `"$@"` is the program; `$code` is a file for an exit code.
    private func shell(_ script: String, _ pieces: Pieces, _ arguments: [String]) async throws -> (
        end: RunningProgram.End, code: String
    ) {
        let code = pieces.folder.appending("code")
        try Files.write([], to: code)
        let end = try await RealProgram.require("sh").run(
            ["-c", script, "sh", try Pieces.program.path] + arguments, in: pieces.folder,
            environment: ["PIECES_DATABASE": pieces.database.string, "code": code.string])
        return (end, String(decoding: try Files.read(code), as: UTF8.self).split(separator: "\n").joined())
    }

    private static let gone = #"{ "$@"; echo $? >"$code"; } | head -n 1"#
    private static let full = #""$@" >/dev/full; echo $? >"$code""#
    private static let closed = #""$@" >&-; echo $? >"$code""#
    private static let allClosed = #""$@" <&- >&- 2>&-; echo $? >"$code""#

    @Test(arguments: [gone, full, closed, allClosed], [true, false]) func downloadSurvivesALostOutput(
        script: String, json: Bool
    )
        async throws
    {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 401)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                let arguments = try pieces.download(torrent, from: [peers[0].address]).filter { $0 != "--json" || json }
                let (end, code) = try await shell(script, pieces, arguments)
                #expect(code == "0", "\(end)")
            }
            #expect(torrent.faults(in: pieces.output) == [])
            #expect(try await pieces.claimed(torrent).isFull)
            // Nothing was printed into a file that had the number of a closed stream.
            #expect(try await pieces.run(["database", "check"]).exitCode == 0)
        }
    }

    /// That the output is lost is said where somebody may read it, once.
    @Test func lostReportIsReportedOnce() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 402)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            for (arguments, exit) in [
                (["add", try pieces.file(of: torrent).string, "--output", pieces.output.string], "0"),
                (["pause", "1"], "0"), (["verify"], "0"),
                (["database", "backup", "copy.db"], "0"), (["create", "copy.db", "-o", "x.torrent"], "0"),
                (["remove", "1"], "0"),
            ] {
                let (end, code) = try await shell(Self.full, pieces, arguments)
                #expect(code == exit, "\(arguments): \(end)")
                let lines = end.errors.split(separator: "\n")
                #expect(lines.count == 1 && lines[0].contains("No space left on device"), "\(arguments): \(end)")
            }
        }
    }

    @Test func lostAnswerIsAFailure() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 403)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent).string
            try await pieces.run(["add", file, "--output", pieces.output.string])
            for arguments in [
                ["status"], ["status", "--json"], ["show", file], ["export", "1", "-"], ["log"], ["files", "1"],
                ["explain", "1"],
                ["database", "path"],
                ["database", "check"], ["database", "backups"], ["create", file, "-o", "-"],
            ] {
                for script in [Self.full, Self.closed] {
                    let (end, code) = try await shell(script, pieces, arguments)
                    #expect(
                        code == "1" && end.errors.contains("the output could not be written"), "\(arguments): \(end)")
                }
                // Whoever closes the pipe has read enough.
                let (end, code) = try await shell(#"{ "$@"; echo $? >"$code"; } | true"#, pieces, arguments)
                #expect(code == "0" && end.errors.isEmpty, "\(arguments): \(end)")
            }
        }
    }

    /// They wait for something to print, and find out without that.
    @Test(arguments: [
        ["log", "--follow"], ["log", "--follow", "--json"], ["status", "--watch"], ["status", "--watch", "--json"],
    ])
    func waitingCommandsEndWithTheirReader(arguments: [String]) async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 404)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
            let (end, code) = try await shell(Self.gone, pieces, arguments)
            #expect(code == "0" && end.errors.isEmpty && end.output.split(separator: "\n").count == 1, "\(end)")
        }
    }

    /// The engine of a database doesn't end with whoever reads what it says.
    @Test func engineOutlivesItsReader() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 405)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
                let words = ["run", "--until-complete", "--json", "--peer", "\(peers[0].address)"] + Pieces.network
                let (end, code) = try await shell(Self.gone, pieces, words)
                #expect(code == "0", "\(end)")
            }
            #expect(try await pieces.claimed(torrent).isFull)
        }
    }

    @Test func exportToStandardOutputEqualsTheFile() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 406)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
            let copy = pieces.folder.appending("copy.torrent")
            let (end, code) = try await shell(#""$@" >copy.torrent; echo $? >"$code""#, pieces, ["export", "1", "-"])
            #expect(code == "0", "\(end)")
            #expect(try Files.read(copy) == Array(torrent.file))
            #expect(!Files.exists(pieces.folder.appending("-")))
        }
    }
}
