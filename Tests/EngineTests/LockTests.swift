import Engine
import Glibc
import Migrations
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// One engine a database, and only a database that is ours.
@Suite(.crowded) struct LockTests {
    @Test func secondEngineNamesTheRunningOne() async throws {
        try await withSite { site in
            try await site.run { _ in
                let error = await #expect(throws: StoreError.self) { try await Session.open(site.settings([])) }
                #expect(error?.code == .lockedByOther)
                #expect(error?.description.contains("process \(getpid())") == true)
            }
            // Once the first has gone there is room for the next.
            try await site.run { _ in }
        }
    }

    @Test func newerSchemaIsRejected() async throws {
        try await withSite { site in
            _ = try site.add(try SampleTorrent(length: 5))
            try site.write { db throws(StoreError) in
                let next = Migration.all.count + 1
                try db.execute(
                    "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (?, 'next', '0123456789abcdef', 0)",
                    next)
                try db.execute("PRAGMA user_version=\(next)")
                try db.checkpoint()
            }
            let before = try Files.read(site.database)
            let error = await #expect(throws: StoreError.self) { try await Session.open(site.settings([])) }
            #expect(error?.code == .newerSchema)
            #expect(error?.description.contains("newer") == true)
            #expect(try Files.read(site.database) == before)
        }
    }

    static let strangers: [(name: String, bytes: [UInt8])] = [
        ("a text", Array("Dear diary, today I learned what a database is.\n".utf8)),
        ("a script", Array("#!/bin/sh\necho hello\n".utf8) + Array(repeating: 10, count: 5000)),
        ("noise", SamplePayload(seed: 8).bytes(at: 0, count: 8192)),
        ("another program's", Array("SQLite format 3\0".utf8) + Array(repeating: 0, count: 4080)),
    ]

    @Test(arguments: 0..<strangers.count) func foreignFileIsRejectedAndUnchanged(number: Int) async throws {
        let bytes = Self.strangers[number].bytes
        try await withSite { site in
            try Files.write(bytes, to: site.database)
            _ = await #expect(throws: StoreError.self) { try await Session.open(site.settings([])) }
            #expect(try Files.read(site.database) == bytes)
        }
    }

    /// After a refusal nothing is held: the lock is free, and so is the port.
    @Test func occupiedPortIsNamed() async throws {
        try await withSite { first in
            try await withSite { second in
                try await first.run { session in
                    let port = await session.listenPort
                    var settings = second.settings([])
                    settings.listenPort = Int(port)
                    settings.listenPortIsFixed = true
                    let error = await #expect(throws: EngineError.self) { try await Session.open(settings) }
                    #expect(error?.description.contains("\(port)") == true)
                    try await second.run { _ in }
                }
            }
        }
    }
}
