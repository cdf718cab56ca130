import Store
import TestSupport
import Torrent

/// The runs that are cut: each has another part of the product between a write and its claim.
extension Scenario {
    package static let all =
        [
            manySmallFiles, bigPieces, selectedFiles, chosenLater, severalTorrents, verification, checkpoints,
            pauseAndRemove, reservedFiles,
            restarts, syncedTogether, sharedFiles, webSeed, magnetLink,
        ] + replacements + custody

    package static let manySmallFiles = Scenario(name: "many small files") { seed in
        var random = SeededGenerator(scattered: seed)
        // Some are empty, some share a piece, and every third piece or so brings a new directory.
        let files = (0..<48).map { n in
            SampleTorrent.File("\(n % 3)/\(n % 7)/file\(n)", n % 11 == 0 ? 0 : 500 + random.next(50_000))
        }
        return [CrashPart(try SampleTorrent(folder: "small", files, pieceLength: 32768, seed: seed))]
    } act: { stage in
        try await stage.runUntilComplete()
    }

    /// Blocks of incomplete pieces are written and recorded.
    package static let bigPieces = Scenario(
        name: "big pieces",
        parts: { seed in
            let pieceLength = [1 << 20, 2 << 20, 4 << 20, 16 << 20][Int(seed % 4)]
            return [
                CrashPart(
                    try SampleTorrent(
                        "big.bin", length: max(6 << 20, pieceLength * 5 / 4), pieceLength: pieceLength, seed: seed))
            ]
        }, rate: 600
    ) { stage in
        try await stage.runUntilComplete()
    }

    /// Bytes of skipped files go to the part file; then all files are wanted, and it is emptied into them.
    package static let selectedFiles = Scenario(name: "selected files") { seed in
        var random = SeededGenerator(scattered: seed)
        let files = (0..<7).map { n in SampleTorrent.File("\(n % 2)/file\(n)", 40_000 + random.next(200_000)) }
        return [
            CrashPart(
                try SampleTorrent(folder: "selected", files, pieceLength: 65536, seed: seed),
                wanted: (0..<7).map { $0 % 2 == 1 })
        ]
    } act: { stage in
        try await stage.site.run(stage.peers) { _ in
            try await stage.site.untilComplete(stage.ids)
            try stage.selectAll()
            for id in stage.ids { try stage.site.tell(.changed, id) }
            try await stage.site.untilComplete(stage.ids)
        }
    } recover: { stage in
        // As chosen while no engine ran.
        try stage.selectAll()
        try await stage.runUntilComplete()
    }

    /// Small files that are wanted only once all of their bytes are in the part file: while no engine runs, and after a
    /// cut.
    package static let chosenLater = Scenario(name: "files chosen later") { seed in
        var random = SeededGenerator(scattered: seed)
        let files = (0..<30).map { n in SampleTorrent.File("\(n % 2)/file\(n)", 3000 + random.next(20_000)) }
        return [
            CrashPart(
                try SampleTorrent(folder: "later", files, pieceLength: 32768, seed: seed),
                wanted: (0..<30).map { $0 % 3 == 1 })
        ]
    } act: { stage in
        try await stage.runUntilComplete()
        try stage.selectAll()
        try await stage.runUntilComplete()
    } recover: { stage in
        try stage.selectAll()
        try await stage.runUntilComplete()
    }

    /// All in one folder that none of them found; two share a directory in it; one has no peer that sends anything.
    package static let severalTorrents = Scenario(name: "several torrents") { seed in
        try (0..<4).map { n in
            let name = n < 2 ? "shared" : "single\(n)"
            let files = (0..<3).map { SampleTorrent.File("of\(n)/file\($0)", 150_000) }
            return CrashPart(try SampleTorrent(folder: name, files, pieceLength: 65536, seed: seed &* 4 &+ UInt64(n)))
        }
    } act: { stage in
        stage.peers[0].behave(.silent)
        try await stage.site.run(stage.peers) { _ in try await stage.site.untilComplete(Array(stage.ids.dropFirst())) }
    }

    package static let verification = Scenario(name: "verification") { seed in
        [CrashPart(try SampleTorrent("verified.bin", length: 3 << 20, pieceLength: 65536, seed: seed))]
    } act: { stage in
        try await stage.site.run(stage.peers) { _ in
            try await stage.site.untilComplete(stage.ids)
            try stage.site.tell(.verify, stage.ids[0])
            try await eventually("the check to end") {
                try stage.site.connect().events.rows(of: stage.ids[0], limit: 100).contains { $0.kind == .verified }
            }
            try await eventually("what was checked to be recorded") { try stage.site.share(of: stage.ids[0]) == 1 }
        }
    }

    package static let checkpoints = Scenario(
        name: "checkpoints",
        parts: { seed in
            let files = (0..<5).map { SampleTorrent.File("file\($0)", 400_000) }
            return [CrashPart(try SampleTorrent(folder: "checkpointed", files, pieceLength: 16384, seed: seed))]
        }, tuning: .init(checkpointPages: 4)
    ) { stage in
        try await stage.runUntilComplete()
    }

    package static let pauseAndRemove = Scenario(
        name: "pause and remove",
        parts: { seed in
            try (0..<2).map { n in
                let files = (0..<4).map { SampleTorrent.File("of\(n)/file\($0)", 200_000) }
                return CrashPart(
                    try SampleTorrent(folder: "pair", files, pieceLength: 32768, seed: seed &* 2 &+ UInt64(n)))
            }
        }, removes: true
    ) { stage in
        let (site, ids) = (stage.site, stage.ids)
        try await site.run(stage.peers) { _ in
            try await eventually("some of both") { try ids.allSatisfy { try site.share(of: $0) > 0.2 } }
            try site.pause(ids[0], true)
            try site.tell(.changed, ids[0])
            try site.tell(.removeData, ids[1])
            try await eventually("the one to be gone") { try site.connect().torrents.row(ids[1]) == nil }
            try await eventually("the other to rest") { try site.connect().torrents.row(ids[0])?.state == .paused }
            try site.pause(ids[0], false)
            try site.tell(.changed, ids[0])
            try await site.untilComplete([ids[0]])
        }
    } recover: { stage in
        for id in stage.ids { try stage.site.pause(id, false) }
        try await stage.runUntilComplete()
    }

    package static let reservedFiles = Scenario(name: "reserved files") { seed in
        let files = (0..<4).map { SampleTorrent.File("\($0)/file\($0)", 300_000) }
        return [
            CrashPart(try SampleTorrent(folder: "reserved", files, pieceLength: 65536, seed: seed), allocatesFull: true)
        ]
    } act: { stage in
        try await stage.runUntilComplete()
    }

    /// Clean stops in the middle: blocks of incomplete pieces are taken up again. The last life finds everything there.
    package static let restarts = Scenario(name: "restarts") { seed in
        [CrashPart(try SampleTorrent("restarted.bin", length: 4 << 20, pieceLength: 512 << 10, seed: seed))]
    } act: { stage in
        for share in [0.1, 0.4] {
            try await stage.site.run(stage.peers) { _ in
                try await eventually("some of it") { try stage.site.share(of: stage.ids[0]) > share }
            }
        }
        try await stage.runUntilComplete()
        try await stage.site.run(stage.peers) { _ in try await stage.site.untilComplete(stage.ids) }
    }

    /// A commit's files are made durable by one call; where a commit has one or two, each by its own.
    package static let syncedTogether = Scenario(
        name: "files synced together",
        parts: { seed in
            var random = SeededGenerator(scattered: seed)
            let files = (0..<80).map { n in
                SampleTorrent.File("\(n % 2)/\(n % 5)/file\(n)", n % 17 == 0 ? 0 : 500 + random.next(20_000))
            }
            return [CrashPart(try SampleTorrent(folder: "together", files, pieceLength: 16384, seed: seed))]
        }, tuning: .init(volumeSyncFrom: 3)
    ) { stage in
        try await stage.runUntilComplete()
    }

    /// Only the link is known at first: blocks of metadata are stored, and the torrent becomes an ordinary one.
    package static let magnetLink = Scenario(name: "magnet link") { seed in
        [
            CrashPart(
                try SampleTorrent("linked.bin", length: 2500 * 256 + 3, pieceLength: 256, seed: seed), isMagnet: true)
        ]
    } act: { stage in
        try await stage.runUntilComplete()
    } recover: { stage in
        try await stage.runUntilComplete()
    }

    /// Two torrents have a file in common: one writes it, the other reads it, and both claim it. A boundary piece of
    /// the second lies in it, too.
    package static let sharedFiles = Scenario(name: "shared files") { seed in
        [
            CrashPart(
                try SampleTorrent(
                    folder: "shared", [.init("a", 500_000), .init("b", 100_000)], pieceLength: 65536, seed: seed)),
            CrashPart(
                try SampleTorrent(
                    folder: "shared", [.init("a", 500_000), .init("c", 300_000)], pieceLength: 65536, seed: seed)),
        ]
    } act: { stage in
        try await stage.runUntilComplete()
        // Once more, now that both have recorded the file.
        try await stage.runUntilComplete()
    }

    /// The payload comes from a web seed, which lacks a file at first: what is known of it is recorded beside the
    /// claims. A clean stop is in the middle.
    package static let webSeed = Scenario(name: "web seed") { seed in
        var random = SeededGenerator(scattered: seed)
        let files = (0..<9).map { n in
            n == 4
                ? SampleTorrent.File.pad(20_000)
                : .init("\(n % 2)/file\(n)", [1: 100_000, 6: 0][n] ?? 60_000 + random.next(400_000))
        }
        return [CrashPart(try SampleTorrent(folder: "web", files, pieceLength: 65536, seed: seed), hasWebSeed: true)]
    } act: { stage in
        let (site, id, server) = (stage.site, stage.ids[0], stage.webSeeds[0])
        server.behave(FakeWebSeed.Habits(rate: 300, lacking: [1]))
        try await site.run(stage.servers) { _ in
            try await eventually("some of it") { try site.share(of: id) > 0.2 }
        }
        try await site.run(stage.servers) { _ in
            try await eventually("all but the missing file, which is named") {
                try site.share(of: id) > 0.5
                    && site.connect().webSeeds.files(of: id, since: Timestamp(0)).contains { $0.lacking != nil }
            }
            server.behave(FakeWebSeed.Habits(rate: 300))
            try site.connect().webSeeds.add(torrent: id, urls: [server.url], origin: .user)
            try site.tell(.webSeeds, id)
            try await site.untilComplete(stage.ids)
        }
    }

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}

extension Scenario.Stage {
    fileprivate func selectAll() throws {
        for (id, part) in zip(ids, parts) {
            try site.select(id, part, part.torrent.metainfo.layout.files.map { !$0.isPad })
        }
    }
}
