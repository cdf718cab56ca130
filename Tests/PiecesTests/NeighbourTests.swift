import Foundation
import Store
import SystemPackage
import Testing
import Torrent

/// Twenty small files in one piece: only what was touched is accused, in words, in JSON, and in the log.
struct NeighbourTests {
    private func withDocuments(_ body: (Program) async throws -> Void) async throws {
        try await withProgram { program in
            for n in 0..<20 {
                try program.write("here/docs/f\(n < 10 ? "0" : "")\(n).txt", bytes: 700, seed: UInt64(n) + 1)
            }
            try await program.succeed(
                "create", "here/docs", "-o", "docs.torrent", "--piece-length", "16K", "--anonymous")
            try await program.succeed("verify", "docs.torrent", "--output", "here", "--quiet")
            try await body(program)
        }
    }

    private func events(_ program: Program) throws -> [(kind: EventKind, detail: String)] {
        let connection = try Connection.open(FilePath(program.database.path), mode: .readOnly, now: .now())
        return try connection.events.rows(limit: 1000).filter { [.rot, .edited, .missing, .failed].contains($0.kind) }
            .map {
                ($0.kind, $0.detail)
            }
    }

    /// The files of each state, by their numbers in their names.
    private func states(_ program: Program) async throws -> [String: [Int]] {
        let end = try await program.run("verify", "--json")
        #expect(end.status == 2, "\(end)")
        let files = try #require(try end.objects[0]["files"] as? [[String: Any]])
        return files.reduce(into: [:]) { states, file in
            let number = (file["path"] as? String)?.firstMatch(of: /f(\d+)/).flatMap { Int($0.output.1) }
            if let state = file["state"] as? String, let number { states[state, default: []].append(number) }
        }
    }

    @Test func onlyTheEditedFileIsBlamed() async throws {
        try await withDocuments { program in
            try program.flip("here/docs/f07.txt", at: 3)
            #expect(try await states(program) == ["bad": [7], "shares": (0..<20).filter { $0 != 7 }])
            let events = try events(program)
            #expect(events.count == 1 && events[0].kind == .edited)
            #expect(events[0].detail == "docs/f07.txt: changed outside, 1 piece damaged")
        }
    }

    @Test func twoEditedFilesAreBothBlamed() async throws {
        try await withDocuments { program in
            try program.flip("here/docs/f07.txt", at: 3)
            try program.flip("here/docs/f12.txt", at: 3)
            #expect(
                try await states(program) == ["bad": [7, 12], "shares": (0..<20).filter { ![7, 12].contains($0) }])
            #expect(try events(program).map(\.kind) == [.edited, .edited])
        }
    }

    @Test func deletedFileIsMissingAndItsNeighboursAreNotBlamed() async throws {
        try await withDocuments { program in
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("here/docs/f03.txt"))
            #expect(try await states(program) == ["missing": [3], "shares": (0..<20).filter { $0 != 3 }])
            let events = try events(program)
            #expect(
                events.count == 1 && events[0].kind == .missing
                    && events[0].detail == "docs/f03.txt: the file is missing")
        }
    }

    /// Size and time are as they were: the piece has rotted, and nobody can tell in which file.
    @Test func rotInASharedPieceBlamesNoFile() async throws {
        try await withDocuments { program in
            try program.rot("here/docs/f07.txt", at: 3)
            let end = try await program.run("verify")
            #expect(end.status == 2)
            #expect(
                end.output.contains(
                    "1 bad piece, shared by docs/f00.txt, docs/f01.txt, docs/f02.txt and 17 other files"),
                "\(end.output)")
            #expect(!end.output.contains("\n  bad"), "\(end.output)")
            let events = try events(program)
            #expect(events.count == 1 && events[0].kind == .rot, "\(events)")
        }
    }

    @Test func rotInAnUnsharedPieceBlamesItsFile() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here", "--quiet")
            try program.rot("here/set/a.bin", at: 100_000)
            let end = try await program.run("verify")
            #expect(
                end.status == 2 && end.output.contains("bad      set/a.bin  (1 of 7 pieces, size and time unchanged"),
                "\(end.output)")
            let events = try events(program)
            #expect(
                events.count == 1 && events[0].kind == .rot && events[0].detail == "set/a.bin: 1 piece damaged",
                "\(events)")
        }
    }
}

extension Program {
    /// Turns a byte of a file over and gives the file the time that it had, as a disk that fails does.
    fileprivate func rot(_ name: String, at offset: Int) throws {
        let path = folder.appendingPathComponent(name).path
        var status = stat()
        try #require(stat(path, &status) == 0)
        try flip(name, at: offset)
        try #require(utimensat(AT_FDCWD, path, [status.st_atim, status.st_mtim], 0) == 0)
    }
}
