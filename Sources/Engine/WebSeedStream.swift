import DequeModule
import NIOCore
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// One web seed of an active torrent: its client, the runs under way, and what was learned of its files. It cuts the
/// bytes of a run into blocks.
///
/// Used only by its torrent, on its event loop.
final class WebSeedStream {
    /// A block that is complete.
    struct Block {
        let piece: PieceIndex
        let begin: Int
        let bytes: ByteBuffer
    }

    /// The wrong guesses of a file's place after which none is made.
    private static let mostWrongGuesses = 3

    let key: WebSeedKey
    let url: String
    let client: RangeClient
    private(set) var row: WebSeedRow
    /// The bytes that earlier runs of the engine got.
    private let downloadedBefore: Int64
    private let geometry: Geometry
    private var runs: Deque<WebSeedRun> = []
    /// The part of the first run that comes next, and how much of it is there.
    private var part = 0
    private var partBytes = 0
    /// The beginning of a block whose rest hasn't arrived.
    private var carry = ByteBuffer()
    private var locations: [Int: TrackerURL] = [:]
    /// Whether it is known of some file that the web seed lacks it.
    private(set) var hasVerdicts: Bool
    /// What was learned of files and isn't saved yet.
    private var learned: [WebSeedFileRow] = []
    private var savedRow: WebSeedRow
    /// The best rate of this run of the engine, in bytes per second.
    private var bestRate: Int64 = 0
    /// What the last redirect put in place of the seed's own URL: files without a known place are tried there first.
    private var redirectedBase: String?
    private var wrongGuesses = 0
    /// A file whose place is known from an earlier run of the engine, until the first run shows where others may be.
    private var rememberedFile: Int?

    init(key: WebSeedKey, row: WebSeedRow, files: [WebSeedFileRow], geometry: Geometry, client: RangeClient) {
        self.key = key
        self.client = client
        self.geometry = geometry
        self.row = row
        url = row.url
        savedRow = row
        hasVerdicts = files.contains { $0.lacking != nil }
        // A damaged row must not make the sum overflow.
        downloadedBefore = max(0, min(row.downloadedBytes, .max / 2))
        for file in files {
            guard let location = file.location else { continue }
            do { locations[file.index] = try TrackerURL(file: location) } catch { continue }
        }
        rememberedFile = locations.keys.min()
    }

    /// The server's name, for messages.
    var server: String {
        do { return try TrackerURL(file: url).authority } catch { return MaskedURL.text(url) }
    }

    // MARK: Runs

    /// Begins the run after the earlier ones. Fails with the file whose URL can't be formed, and why.
    func begin(_ run: WebSeedRun, of layout: FileLayout, _ paths: WebSeedPaths) throws(UnusableFile) {
        recall(paths)
        var requests: [RangeRequest] = []
        for part in run.parts {
            guard let file = part.file else { continue }
            guard let text = paths.url(of: file, at: url) else {
                throw UnusableFile(file: file, reason: "it has no name in the .torrent")
            }
            let target: TrackerURL
            do throws(TrackerURLError) { target = try TrackerURL(file: text) } catch {
                throw UnusableFile(file: file, reason: "\(error)")
            }
            requests.append(
                RangeRequest(
                    number: file, url: target, location: locations[file] ?? guess(file, text), offset: part.fileOffset,
                    length: part.length,
                    fileLength: layout.files[file].length))
        }
        runs.append(run)
        client.onLoop { $0.fetch(requests) }
    }

    struct UnusableFile: Error {
        let file: Int
        let reason: String
    }

    /// Forgets the runs under way.
    func forgetRuns() {
        runs = []
        (part, partBytes) = (0, 0)
        carry.clear()
    }

    /// The number of the run that is received; `nil` if there is none.
    var currentRun: Int? { runs.first?.number }

    /// Takes bytes of the current part, and calls `deliver` with each block that they complete.
    func take(_ bytes: ByteBuffer, _ deliver: (Block) -> Void) {
        guard let run = runs.first, run.parts.indices.contains(part) else { return }
        var bytes = bytes
        let current = run.parts[part]
        while bytes.readableBytes > 0, partBytes < current.length {
            let offset = current.offset + Int64(partBytes)
            let piece = PieceIndex(Int(offset / Int64(geometry.pieceLength)))
            let inPiece = Int(offset % Int64(geometry.pieceLength))
            let block = BlockRef(piece: piece, block: inPiece / Geometry.blockLength)
            let begin = block.block * Geometry.blockLength
            let missing = geometry.length(of: block) - (inPiece - begin)
            let count = min(missing, bytes.readableBytes, current.length - partBytes)
            guard var slice = bytes.readSlice(length: count) else { return }
            partBytes += count
            if count == missing, inPiece == begin {
                deliver(Block(piece: piece, begin: begin, bytes: slice))
            } else {
                carry.writeBuffer(&slice)
                guard count == missing else { continue }
                deliver(Block(piece: piece, begin: begin, bytes: carry))
                carry.clear()
            }
        }
    }

    /// The current part is complete; padding that follows is too. Returns the number of the run if that was its end.
    func endPart(_ deliver: (Block) -> Void) -> Int? {
        part += 1
        partBytes = 0
        return takePadding(deliver)
    }

    /// Fills in the padding that comes next. Returns the number of the run if that was its end.
    func takePadding(_ deliver: (Block) -> Void) -> Int? {
        while let run = runs.first {
            guard part < run.parts.count else {
                runs.removeFirst()
                (part, partBytes) = (0, 0)
                return run.number
            }
            guard run.parts[part].file == nil else { return nil }
            while partBytes < run.parts[part].length {
                let count = min(Geometry.blockLength, run.parts[part].length - partBytes)
                take(ByteBuffer(repeating: 0, count: count), deliver)
            }
            part += 1
            partBytes = 0
        }
        return nil
    }

    /// Where the file probably is, judged by the redirects of others: a server that redirects each file (such as the
    /// Internet Archive) has the files of one torrent in one place.
    private func guess(_ file: Int, _ text: String) -> TrackerURL? {
        guard wrongGuesses < Self.mostWrongGuesses, let redirectedBase, text.hasPrefix(url) else { return nil }
        do { return try TrackerURL(file: redirectedBase + text.dropFirst(url.count)) } catch { return nil }
    }

    /// Learns from an earlier run of the engine where files probably are.
    private func recall(_ paths: WebSeedPaths) {
        guard let file = rememberedFile else { return }
        rememberedFile = nil
        guard let text = paths.url(of: file, at: url), let location = locations[file] else { return }
        do { learn(from: try TrackerURL(file: text), at: location) } catch { return }
    }

    /// Learns from the place of one file where the others may be.
    private func learn(from file: TrackerURL, at location: TrackerURL) {
        let (text, place) = (file.requestURL(), location.requestURL())
        guard url.hasSuffix("/"), text.hasPrefix(url) else { return }
        let path = text.dropFirst(url.count)
        guard !path.isEmpty, place.hasSuffix(path) else { return }
        redirectedBase = String(place.dropLast(path.count))
    }

    // MARK: What is learned

    /// Requests for the file are redirected to this place; `nil` if they aren't.
    func found(_ request: RangeRequest, at location: TrackerURL?, now: Timestamp) {
        let file = request.number
        guard locations[file] != location else { return }
        if locations[file] == nil, let guess = request.location, guess != location {
            wrongGuesses += 1
        } else if let location {
            learn(from: request.url, at: location)
        }
        locations[file] = location
        learned.append(
            WebSeedFileRow(
                url: url, index: file, lacking: nil, location: location?.requestURL(), at: now))
    }

    /// The web seed lacks the file.
    func lacks(_ file: Int, reason: String, now: Timestamp) {
        hasVerdicts = true
        learned.append(WebSeedFileRow(url: url, index: file, lacking: reason, location: nil, at: now))
    }

    func failed(_ reason: String) { row.lastError = reason }

    /// Returns what was learned of files since the last call.
    func takeLearned() -> [WebSeedFileRow] {
        defer { learned = [] }
        return learned
    }

    /// Returns the row if it changed since the last call. `restsUntil` is the report's as wall time.
    func takeRow(_ report: WebSeedReport, restsUntil: Timestamp?, now: Timestamp) -> WebSeedRow? {
        row.failures = report.failures
        row.restsUntil = restsUntil
        bestRate = max(bestRate, Int64(report.rate))
        if bestRate > 0 { row.rate = bestRate }
        row.liveRate = Int64(report.rate)
        if report.downloaded > 0 { row.downloadedBytes = downloadedBefore + report.downloaded }
        if report.failures == 0, !report.hasEnded, report.downloaded > 0 { row.lastError = nil }
        if row.downloadedBytes != savedRow.downloadedBytes { row.lastUsedAt = now }
        var comparable = row
        comparable.liveAt = savedRow.liveAt
        guard comparable != savedRow else { return nil }
        row.liveAt = now
        savedRow = row
        return row
    }
}
