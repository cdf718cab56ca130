import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What can't be woken for its disk's fault is tried again, until something else is the reason.
@Suite(.crowded) struct RetryTests {
    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        let change: @Sendable (Site, TorrentID) throws -> Void

        var testDescription: String { name }
    }

    static let examples = [
        Example(name: "removed") { site, id in try site.tell(.remove, id) },
        Example(name: "its .torrent is gone") { site, id in
            _ = try site.write { db throws(StoreError) in
                try db.execute("DELETE FROM metainfo WHERE torrent_id = ?", id)
            }
        },
    ]

    @Test(arguments: examples) func retriesEndWhenTheirReasonIsGone(example: Example) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 200_000), .init("empty", 0)], seed: 79)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            calls.fail(.create, .noSpace)
            try await site.run(disk: try Disk(calls: calls)) { session in
                try await eventually("it to be tried again") { await session.machine.isRetried(id) }
                try example.change(site, id)
                // The pause that was begun passes first.
                try await eventually("nobody to try again", within: .seconds(40)) {
                    await !session.machine.isRetried(id)
                }
            }
        }
    }
}
