import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A download that dies and goes on, several times, and what must be true after each death and at the end.
struct KillScenario {
    /// What varies beside the deaths.
    enum Shape: Int, CaseIterable {
        case plain, selected, allocated

        var arguments: [String] {
            switch self {
            case .plain: []
            case .selected: ["--select", "1", "--select", "4"]
            case .allocated: ["--allocate", "full"]
            }
        }

        /// The files that are to be whole at the end.
        var wanted: Set<Int>? { self == .selected ? [0, 3] : nil }
    }

    /// What a scenario had to go through.
    struct Toll {
        var kills = 0
        var lives = 0
        /// Pieces that starts hashed, and that they had reason to.
        var checked = 0
        var doubtful = 0
    }

    /// Blocks a second: what a run has to be killed in.
    static let pace = 160
    static let commitInterval = ["--commit-interval", "150"]

    static func torrent() throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("a", 700_001), .init("empty", 0), .init("b/c", 1_300_000), .init("b/d", 900_000)],
            seed: 200)
    }

    /// Every piece has a part in more files than are synced one by one, so that each commit syncs the file system.
    static func manyFiles() throws -> SampleTorrent {
        let files = (0..<700).map { n in SampleTorrent.File("\(n % 3)/\(n)", n % 50 == 7 ? 0 : 900 + n) }
        return try SampleTorrent(folder: "many", files, pieceLength: 131_072, seed: 202)
    }

    let torrent: SampleTorrent
    let pieces: Pieces
    let source: any BlockServer
    let shape: Shape
    /// The line that replays it.
    let replay: String
    /// Whether a start may look at what is claimed, too.
    var mayDoubtClaims = false
    private(set) var toll = Toll()
    /// Blocks that some run got.
    private var served: Set<PieceIndex> = []

    init(_ torrent: SampleTorrent, _ pieces: Pieces, _ source: any BlockServer, _ shape: Shape, replay: String) {
        self.torrent = torrent
        self.pieces = pieces
        self.source = source
        self.shape = shape
        self.replay = replay
    }

    func arguments(_ more: [String] = []) throws -> [String] {
        try pieces.download(torrent, from: source.peerAddresses, Self.commitInterval + shape.arguments + more)
    }

    /// Dies all deaths, goes on to the end, and looks whether it is as it should be.
    mutating func run(_ deaths: [ProgramRun.Death], clockOffsets: [Duration] = []) async throws {
        var before = try RecordedState(pieces, torrent)
        for (n, death) in deaths.enumerated() {
            let offset = clockOffsets.isEmpty ? .zero : clockOffsets[n % clockOffsets.count]
            let after = try await live(death, before, clockOffset: offset)
            guard let after else { break }
            before = after
        }
        source.serveWell()
        let last = try await live(.none, before)
        #expect(last == nil, "\(replay): the last run was to be whole")
        #expect(torrent.faults(in: pieces.output, wanted: shape.wanted) == [], "\(replay)")
        let verified = try await pieces.run(["verify", "--quiet"])
        #expect(verified.exitCode == 0, "\(replay): \(verified)")
    }

    /// One run, and what stands after it; `nil` when it came to its own end.
    private mutating func live(_ death: ProgramRun.Death, _ before: RecordedState, clockOffset: Duration = .zero)
        async throws
        -> RecordedState?
    {
        let programRun = ProgramRun(death: death)
        let what = "\(replay): run \(toll.lives + 1), \(programRun)"
        source.forgetRequests()
        let (doubtful, bytes) = try before.doubtful(torrent, in: pieces.output)
        #expect(bytes.pieces.allSatisfy { served.contains($0) }, "\(what): pieces are in doubt that nobody sent")
        let end = try await programRun.run(pieces, try arguments(), clockOffset: clockOffset)
        toll.lives += 1
        served.formUnion(source.servedPieces)

        let after = try RecordedState(pieces, torrent)
        #expect(after.damage == [], "\(what)")
        #expect(
            try torrent.unfounded(after.claimed, in: pieces.output, wanted: shape.wanted) == [],
            "\(what): claimed, and not so")
        let again = source.requestedBlocks.filter { before.claimed[$0.piece] || before.blocks.contains($0) }
        #expect(again == [], "\(what): recorded, and downloaded again")
        let checks = after.checks.dropFirst(before.checks.count)
        let checked = checks.reduce(0) { $0 + $1.count }
        let limit = doubtful.population + (mayDoubtClaims ? before.claimed.population : 0)
        #expect(
            checked <= limit,
            "\(what): \(checks.map(\.text)), of which \(doubtful.population) were recently written")
        #expect(
            mayDoubtClaims
                || checks.allSatisfy {
                    $0.text.contains("recently written") && !$0.text.contains("outside")
                },
            "\(what): \(checks.map(\.text))")
        toll.checked += checked
        toll.doubtful += doubtful.population

        guard let signal = end.signal else {
            let code = end.exitCode ?? -1
            #expect(code == 0 || (code == 130 && isShutdown(death)), "\(what): \(end)")
            return code == 0 ? nil : after
        }
        #expect(signal == 9 && death != .none, "\(what): \(end)")
        toll.kills += 1
        return after
    }

    private func isShutdown(_ death: ProgramRun.Death) -> Bool {
        if case .shutdown = death { true } else { false }
    }
}
