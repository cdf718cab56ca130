import CrashLab
import Store
import SystemPackage
import TestSupport
import Testing

/// A sync of the database's log fails and takes with it what the log held: what is told to be committed after that is
/// on the disk.
@Suite struct LostLogTests {
    /// Where the sync is that fails.
    enum Place: String, CaseIterable, Sendable {
        /// That of a commit, behind commits that didn't wait for the disk.
        case commit
        /// The one with which the log is copied into the database, behind such a commit, which nobody is told of.
        case checkpoint
    }

    /// What was true when the log had so many entries.
    private struct Moment {
        let position: Int
        let told: Int
    }

    private static let cuts = [Cut.onlySynced] + (1...12).map { Cut(seed: $0) }

    @Test(arguments: Place.allCases, [0, 1, 5]) func commitsAfterAFailedLogSyncAreDurable(
        place: Place, lazyCommits: Int
    )
        async throws
    {
        let (entries, moments) = try await withScratchFolder { folder in
            try await Self.record(place, lazyCommits, in: folder)
        }
        for moment in moments {
            var model = DiskModel()
            for entry in entries.prefix(moment.position) { model.apply(entry) }
            for cut in Self.cuts {
                let disk = model.after(cut)
                try await withScratchFolder { folder in
                    try disk.materialise(in: folder)
                    let connection = try Connection.open(
                        folder.appending(CrashSite.databaseName), mode: .readWrite, now: .now())
                    let what: Comment = "\(moment) of \(entries.count), \(cut)"
                    #expect(try connection.integrityFaults() == [], what)
                    for n in 0..<moment.told { #expect(try connection.settings.value("told \(n)") == "yes", what) }
                    #expect(try connection.settings.value("failed") == nil, what)
                }
            }
        }
    }

    private static func record(_ place: Place, _ lazyCommits: Int, in folder: FilePath) async throws -> (
        [LogEntry], [Moment]
    ) {
        let recording = try Recording(in: folder)
        let vfs = RecordedVFS(recording)
        var options = DatabaseOptions()
        options.vfs = vfs.name
        // The log is copied by a commit that the test chooses.
        options.checkpointPages = place == .checkpoint ? 40 : 10_000
        let store = try await Store.open(folder.appending(CrashSite.databaseName), options: options, now: .now())
        var moments: [Moment] = []
        func tell() async throws {
            let n = moments.count
            try await store.perform { connection throws(StoreError) in try connection.settings.set("told \(n)", "yes") }
            moments.append(Moment(position: recording.entries.count, told: n + 1))
        }
        try await tell()
        for n in 0..<lazyCommits { try await lazily(store, "lazy \(n)", length: 10_000) }
        vfs.loseNextSync()
        switch place {
        case .commit:
            let error = await #expect(throws: StoreError.self) {
                try await store.perform { connection throws(StoreError) in try connection.settings.set("failed", "yes")
                }
            }
            #expect(error?.code == .io)
        case .checkpoint: try await lazily(store, "long", length: 400_000)
        }
        try #require(recording.entries.contains { if case .lose = $0.operation { true } else { false } })
        for _ in 0..<3 { try await tell() }
        #expect(
            try await store.perform { connection throws(StoreError) in try connection.settings.value("failed") } == nil)
        try await store.close()
        moments.append(Moment(position: recording.entries.count, told: moments.count))
        return (recording.entries, moments)
    }

    private static func lazily(_ store: Store, _ key: String, length: Int) async throws {
        try await store.perform { connection throws(StoreError) in
            try connection.transaction(durability: .lazy) { () throws(StoreError) in
                try connection.settings.set(key, String(repeating: "x", count: length))
            }
        }
    }
}
