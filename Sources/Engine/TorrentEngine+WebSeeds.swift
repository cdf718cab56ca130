import Disk
import Logging
import NIOCore
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// The web seeds of an active torrent (BEP 19).
extension TorrentEngine: RangeDelegate {
    // MARK: Coming and going

    /// Adds the web seeds to the brain.
    func addWebSeeds(_ rows: [WebSeedRow], _ files: [WebSeedFileRow]) {
        guard !rows.isEmpty else { return }
        let now = environment.clock.now
        let known = Dictionary(grouping: files, by: \.url)
        for row in rows where webSeeds[row.url] == nil {
            let files = known[row.url] ?? []
            let state = WebSeedState(
                lacking: Set(files.lazy.filter { $0.lacking != nil }.map(\.index)),
                restsUntil: row.restsUntil.map {
                    now + max(.zero, min($0 - environment.clock.timestamp, .seconds(3600)))
                },
                failures: row.failures, rate: Int(clamping: row.rate))
            let key = swarm.add(webSeed: state, now: now)
            let client = environment.webSeeds.client(tag: key.value, delegate: self)
            webSeeds.add(
                WebSeedStream(key: key, row: row, files: files, geometry: metainfo.geometry, client: client))
        }
    }

    /// Takes on the web seeds that a command added or removed.
    func webSeedsAre(_ rows: [WebSeedRow], _ files: [WebSeedFileRow]) {
        let urls = Set(rows.map(\.url))
        for stream in webSeeds.ordered {
            let row = rows.first { $0.url == stream.url }
            // A command that adds a known web seed forgets what was known of it.
            let isReset =
                row.map { $0.restsUntil == nil && $0.lastError == nil && stream.row.lastError != nil } ?? false
            let isForgotten = files.isEmpty && stream.hasVerdicts
            guard !urls.contains(stream.url) || isReset || isForgotten else { continue }
            swarm.remove(webSeed: stream.key, now: environment.clock.now)
            // What is under way ends here, before the client is gone.
            perform()
            webSeeds.remove(stream)
        }
        addWebSeeds(rows, files)
        perform()
    }

    // MARK: Effects

    func fetch(_ run: WebSeedRun, from key: WebSeedKey) {
        guard let stream = webSeeds[key] else { return }
        let number = run.number
        do throws(WebSeedStream.UnusableFile) {
            try stream.begin(run, of: metainfo.layout, webSeeds.paths(of: metainfo))
        } catch {
            return swarm.fetched(
                key, run: number, .lacks(file: error.file, reason: error.reason), now: environment.clock.now)
        }
        if stream.currentRun == number { takePadding(stream) }
    }

    func endFetches(from key: WebSeedKey) {
        guard let stream = webSeeds[key] else { return }
        stream.forgetRuns()
        stream.client.onLoop { $0.endFetches() }
    }

    func readOn(_ key: WebSeedKey) { webSeeds[key]?.client.onLoop { $0.readOn() } }

    // MARK: What a server sends, on the loop

    nonisolated func received(_ bytes: ByteBuffer, of request: RangeRequest, from tag: UInt32) {
        assumeIsolated { engine in
            guard let stream = engine.webSeeds[WebSeedKey(tag)] else { return }
            let now = engine.environment.clock.now
            stream.take(bytes) { engine.receive($0, from: stream.key, now: now) }
        }
    }

    nonisolated func finished(_ request: RangeRequest, from tag: UInt32) {
        assumeIsolated { engine in
            guard let stream = engine.webSeeds[WebSeedKey(tag)] else { return }
            let now = engine.environment.clock.now
            guard let run = stream.endPart({ engine.receive($0, from: stream.key, now: now) }) else { return }
            engine.swarm.fetched(stream.key, run: run, .finished, now: now)
            engine.takePadding(stream)
        }
    }

    nonisolated func readEnded(from tag: UInt32) -> Bool {
        assumeIsolated { engine in
            let goesOn = engine.swarm.readEnded(webSeed: WebSeedKey(tag), now: engine.environment.clock.now)
            engine.perform()
            return goesOn
        }
    }

    nonisolated func found(_ request: RangeRequest, at location: TrackerURL?, from tag: UInt32) {
        assumeIsolated { engine in
            engine.webSeeds[WebSeedKey(tag)]?.found(
                request, at: location, now: engine.environment.clock.timestamp)
        }
    }

    nonisolated func failed(_ request: RangeRequest, _ failure: RangeFailure, from tag: UInt32) {
        assumeIsolated { engine in
            guard let stream = engine.webSeeds[WebSeedKey(tag)], let run = stream.currentRun else { return }
            stream.forgetRuns()
            let outcome: WebSeedOutcome =
                switch failure {
                case .lacks(let reason): .lacks(file: request.number, reason: reason)
                case .ignoresRanges: .ignoresRanges
                case .failed(let reason, let pause): .failed(reason, retryAfter: pause)
                }
            engine.feed { swarm, now in swarm.fetched(stream.key, run: run, outcome, now: now) }
        }
    }

    /// Fills in padding at the beginning of a run.
    private func takePadding(_ stream: WebSeedStream) {
        let now = environment.clock.now
        while let run = stream.takePadding({ receive($0, from: stream.key, now: now) }) {
            swarm.fetched(stream.key, run: run, .finished, now: now)
        }
    }

    /// The hot path, as for a block of a peer.
    private func receive(_ block: WebSeedStream.Block, from key: WebSeedKey, now: Instant) {
        let buffer: PieceBuffer
        do throws(DiskError) {
            buffer = try writes.buffer(for: block.piece, of: payload, on: environment.disk)
        } catch {
            // The block is requested again when memory is available.
            return swarm.stalled(Fault(error), now: now)
        }
        let verdict = swarm.received(
            webSeed: key, piece: block.piece, begin: block.begin, length: block.bytes.readableBytes, now: now)
        guard verdict == .store else { return }
        writes.keep(buffer, for: block.piece)
        block.bytes.withUnsafeReadableBytes { buffer.put($0, at: block.begin) }
    }

    // MARK: Reports

    /// The web seed lacks a file, or has another version of it.
    func webSeedLacks(_ key: WebSeedKey, _ file: Int, reason: String) {
        guard let stream = webSeeds[key] else { return }
        stream.lacks(file, reason: reason, now: environment.clock.timestamp)
        event(
            .webSeed,
            "the web seed \(stream.server) can't deliver \(metainfo.layout.files[file].displayPath): \(reason)")
        saveWebSeeds()
    }

    func webSeedFailed(_ key: WebSeedKey, reason: String) {
        guard let stream = webSeeds[key] else { return }
        if stream.row.lastError != reason { log.info("the web seed \(stream.server) rests: \(reason)") }
        stream.failed(reason)
        saveWebSeeds()
    }

    func webSeedEnded(_ key: WebSeedKey, reason: String) {
        guard let stream = webSeeds[key] else { return }
        stream.failed(reason)
        event(.webSeed, "the web seed \(stream.server) isn't used any more: \(reason)")
        saveWebSeeds()
    }

    /// Returns the rows that changed since the last call.
    func takeWebSeedRows() -> [WebSeedRow] {
        guard !webSeeds.isEmpty else { return [] }
        let (now, timestamp) = (environment.clock.now, environment.clock.timestamp)
        return swarm.webSeedReports(now: now).compactMap { report in
            let rest = report.restsUntil.flatMap { $0 > now ? timestamp + ($0 - now) + .seconds(1) : nil }
            return webSeeds[report.key]?.takeRow(report, restsUntil: rest, now: timestamp)
        }
    }

    func saveWebSeeds() {
        let (id, rows, files) = (id, takeWebSeedRows(), webSeeds.takeLearned())
        guard !rows.isEmpty || !files.isEmpty else { return }
        write("the state of web seeds") { db throws(StoreError) in
            try db.transaction(durability: .lazy) { () throws(StoreError) in
                try db.webSeeds.save(rows, of: id)
                try db.webSeeds.save(files, of: id)
            }
        }
    }
}
