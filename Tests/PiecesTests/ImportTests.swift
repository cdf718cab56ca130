import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What `pieces import` says of other clients' torrents, and where it looks for their state.
struct ImportTests {
    private static func sample(_ name: String, seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(folder: name, [.init("a", 32_768), .init("b", 20_000)], pieceLength: 16_384, seed: seed)
    }

    private static func text(_ bytes: [UInt8]) -> [UInt8] { Array("\(bytes.count):".utf8) + bytes }

    private static func text(_ text: String) -> [UInt8] { Self.text(Array(text.utf8)) }

    /// A `.fastresume` of a torrent of which everything is claimed.
    private static func fastresume(_ torrent: SampleTorrent, in folder: String) -> [UInt8] {
        let hash = text(Array(torrent.infoHash.bytes))
        let pieces = [UInt8](repeating: 1, count: torrent.geometry.pieceCount)
        return Array("d".utf8) + text("file-format") + text("libtorrent resume file") + text("info-hash") + hash
            + text("pieces") + text(pieces) + text("qBt-name") + text(torrent.metainfo.name) + text("save_path")
            + text(folder) + Array("e".utf8)
    }

    /// Adds a torrent to a BT_backup.
    private static func add(
        _ torrent: SampleTorrent, to program: Program, at backup: String = "BT_backup", in folder: String,
        file: [UInt8]? = nil
    ) throws {
        let place = FilePath(program.folder.path).appending(FilePath(backup).components)
        try Files.makeFolders(place)
        let name = "\(torrent.infoHash)"
        try Files.write(fastresume(torrent, in: folder), to: place.appending(name + ".fastresume"))
        if let file { try Files.write(file, to: place.appending(name + ".torrent")) }
    }

    private static func data(_ program: Program) throws -> FilePath {
        let data = FilePath(program.folder.path).appending("data")
        try Files.makeFolders(data)
        return data
    }

    // MARK: A .torrent that is missing

    @Test func aMissingTorrentFileIsReported() async throws {
        try await withProgram { program in
            let torrent = try Self.sample("film", seed: 1)
            let data = try Self.data(program)
            try torrent.write(to: data)
            try Self.add(torrent, to: program, in: data.string)
            let advice = "its .torrent is missing, so its metadata is fetched from peers"
            let trial = try await program.succeed("import", "BT_backup", "--dry-run")
            #expect(trial.output.contains("would import  film in \(data)") && trial.output.contains(advice), "\(trial)")
            let json = try await program.succeed("import", "BT_backup", "--dry-run", "--json").objects
            #expect((json.first?["note"] as? String)?.hasPrefix(advice) == true, "\(json)")
            let end = try await program.succeed("import", "BT_backup")
            #expect(end.output.contains(advice) && end.output.contains("`pieces add` it"), "\(end)")
            let report = try await program.succeed("import", "--report")
            #expect(report.output.contains("1 torrent imported: 0 hashed, 1 without metadata"), "\(report)")
            #expect(report.output.contains("film: its .torrent is missing"), "\(report)")
            let sum = try await program.succeed("import", "--report", "--json").objects
            #expect(sum.first?["awaiting_metadata"] as? Int == 1, "\(sum)")

            // With its .torrent it is as good as the others.
            try program.write("film.torrent", torrent.file)
            try await program.succeed("add", "film.torrent")
            let hashed = try await program.succeed("import", "BT_backup")
            #expect(hashed.output.contains("1 torrent imported: 1 hashed"), "\(hashed)")
        }
    }

    @Test func aTorrentFileOfAnotherTorrentIsReported() async throws {
        try await withProgram { program in
            let (torrent, other) = (try Self.sample("books", seed: 1), try Self.sample("other", seed: 2))
            try Self.add(torrent, to: program, in: "/srv", file: other.file)
            let end = try await program.run("import", "BT_backup")
            #expect(
                end.status == 1
                    && end.errors.contains(
                        "books: the .torrent beside its state belongs to another torrent (\(other.infoHash)); not imported"
                    ), "\(end)")
        }
    }

    // MARK: Folders

    @Test func mapsThatMatchNothingAreReported() async throws {
        try await withProgram { program in
            let torrent = try Self.sample("film", seed: 1)
            try Self.add(torrent, to: program, in: "/srv/films", file: torrent.file)
            let end = try await program.run(
                "import", "BT_backup", "--dry-run", "--map", "/srv/film=/mnt", "--map", "films=here", "--map",
                "/srv=there")
            #expect(end.status == 0 && end.output.contains("film in \(program.folder.path)/there/films"), "\(end)")
            let notes = end.errors.split(separator: "\n").filter { $0.contains("matches no torrent") }
            #expect(notes.count == 2 && !end.errors.contains("--map /srv="), "\(end)")
            #expect(end.errors.contains("--map /srv/film=/mnt matches no torrent"), "\(end)")
            #expect(end.errors.contains("--map films=\(program.folder.path)/here matches no torrent"), "\(end)")
        }
    }

    @Test func aRelativeFolderIsAskedFor() async throws {
        try await withProgram { program in
            let torrent = try Self.sample("film", seed: 1)
            try Self.add(torrent, to: program, in: "ar/dl", file: torrent.file)
            let end = try await program.run("import", "BT_backup", "--dry-run")
            let advice = "its folder `ar/dl` is relative: say where it is with --map ar/dl=/absolute/path"
            #expect(end.status == 1 && end.errors.contains(advice), "\(end)")
            let mapped = try await program.succeed("import", "BT_backup", "--dry-run", "--map", "ar/dl=/mnt")
            #expect(mapped.output.contains("film in /mnt") && mapped.errors.isEmpty, "\(mapped)")
        }
    }

    @Test func aTorrentWithoutItsFilesSaysWhatHelps() async throws {
        try await withProgram { program in
            let torrent = try Self.sample("film", seed: 1)
            try Self.add(torrent, to: program, in: "/nowhere/films", file: torrent.file)
            let end = try await program.succeed("import", "BT_backup")
            #expect(end.output.contains("`pieces move 1 DIR --found`"), "\(end)")
            let report = try await program.succeed("import", "--report")
            #expect(report.output.hasPrefix("1 torrent imported: 0 hashed, 1 has no files here\n"), "\(report)")

            let data = try Self.data(program)
            try torrent.write(to: data)
            try await program.succeed("move", "1", "data", "--found")
            let hashed = try await program.succeed("import", "BT_backup")
            #expect(hashed.output.contains("1 torrent imported: 1 hashed\n"), "\(hashed)")
        }
    }

    // MARK: Where the state is

    @Test(arguments: ["profile", "profile/qBittorrent", "profile/qBittorrent/data"])
    func theFolderOfAProfileIsEnough(folder: String) async throws {
        try await withProgram { program in
            let torrent = try Self.sample("film", seed: 1)
            let backup = "profile/qBittorrent/data/BT_backup"
            try Self.add(torrent, to: program, at: backup, in: "/srv", file: torrent.file)
            let end = try await program.succeed("import", folder, "--dry-run")
            #expect(end.output.contains("1 torrent would be imported from qBittorrent"), "\(end)")
        }
    }

    /// Each record that can't be read is named once, with what helps.
    @Test func damagedRecordsSayWhatHelps() async throws {
        try await withProgram { program in
            let backup = FilePath(program.folder.path).appending("BT_backup")
            try Files.makeFolders(backup)
            try Files.write(Array("d4".utf8), to: backup.appending("zz.fastresume"))
            let end = try await program.run("import", "BT_backup", "--dry-run")
            #expect(end.status == 1 && end.errors.contains("zz.fastresume: the resume data is damaged"), "\(end)")
            #expect(end.errors.components(separatedBy: "zz.fastresume").count == 2, "\(end)")
            #expect(end.errors.contains("`pieces add` its .torrent"), "\(end)")
        }
    }

    @Test func aSessionWithoutTorrentFilesNamesEach() async throws {
        try await withProgram { program in
            let session = FilePath(program.folder.path).appending("session")
            try Files.makeFolders(session)
            for name in ["A", "B"] {
                for suffix in ["rtorrent", "libtorrent_resume"] {
                    try Files.write(Array("de".utf8), to: session.appending("\(name).torrent.\(suffix)"))
                }
            }
            let end = try await program.run("import", "session")
            #expect(end.status == 1, "\(end)")
            for name in ["A", "B"] {
                #expect(end.errors.contains("\(name).torrent: its .torrent is missing in the session"), "\(end)")
            }
        }
    }
}
