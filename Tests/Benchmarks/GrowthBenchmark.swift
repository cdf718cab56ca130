import SystemPackage

/// How the cost grows with one number, others being equal: a table, and a plot.
struct GrowthBenchmark: Benchmark {
    /// What grows.
    private enum Axis: String, CaseIterable {
        case torrents, pieces, peers, files

        var most: Int {
            switch self {
            case .torrents, .files: 100_000
            case .pieces: 1_000_000
            case .peers: 500
            }
        }

        func measure(upTo most: Int, in setup: BenchmarkSetup) throws -> Plot {
            switch self {
            case .torrents: try TorrentGrowth(most: most, setup: setup).measure()
            case .pieces: try PieceGrowth(most: most, setup: setup).measure()
            case .peers: try PeerGrowth(most: most, setup: setup).measure()
            case .files: try FileGrowth(most: most, setup: setup).measure()
            }
        }
    }

    private let axes: [Axis]
    private let most: Int?
    private let plot: FilePath?

    init?(arguments: [String]) {
        var rest = arguments[...]
        let axis = rest.first.flatMap(Axis.init(rawValue:))
        if axis != nil { rest = rest.dropFirst() }
        axes = axis.map { [$0] } ?? Axis.allCases
        most = rest.first.flatMap { Int($0) }
        if most != nil { rest = rest.dropFirst() }
        plot = rest.first.flatMap { $0.hasSuffix(".svg") ? FilePath($0) : nil }
        if plot != nil { rest = rest.dropFirst() }
        // One number or one path is about one axis.
        guard rest.isEmpty, most ?? 1 > 0, axis != nil || arguments.isEmpty else { return nil }
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)\n")
        for axis in axes {
            let drawing = try axis.measure(upTo: most ?? axis.most, in: setup)
            try drawing.write(to: plot ?? setup.folder.appending("growth-\(axis.rawValue).svg"))
        }
    }

    /// The powers of ten from `first` that are at most `most`.
    static func decades(from first: Int, to most: Int) -> [Int] {
        Array(sequence(first: first) { $0 * 10 }.prefix { $0 <= most })
    }
}
