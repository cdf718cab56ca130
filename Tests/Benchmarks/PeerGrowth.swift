import SystemPackage
import Torrent

/// The cost of a download from many peers at once.
struct PeerGrowth {
    private static let bytes = 256 << 20
    private static let pieceLength = 1 << 20
    private static let runs = 3

    let most: Int
    let setup: BenchmarkSetup

    func measure() throws -> Plot {
        let torrent = try UniformTorrent(
            "payload.bin", bytes: Self.bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
        var cpu = Plot.Series("CPU of the program")
        var memory = Plot.Series("resident at most")
        let table = Table(["peers", "CPU-s/GiB", "MiB resident", "all connected ms", "transfer MB/s"])
        for count in [1, 2, 5, 10, 20, 50, 100, 200, 500] where count <= most {
            let runs = try (0..<Self.runs).map { n in
                let folder = try setup.makeFolder("peers-\(count)-\(n)")
                let run = try PayloadDownload(torrent, peers: count, in: folder, setup)
                try BenchmarkSetup.remove(folder.appending("output"))
                return run
            }
            let cost = runs.median { $0.sample.cpu.seconds } * Double(1 << 30) / Double(Self.bytes)
            let resident = Double(runs.median(\.peakKiB)) / 1024
            table.add([
                "\(count)", cost.text(2), resident.text(1), runs.median(\.gathering).milliseconds,
                (Double(Self.bytes) / 1e6 / runs.median(\.transfer).seconds).text(0),
            ])
            cpu.points.append((Double(count), cost))
            memory.points.append((Double(count), resident))
        }
        return Plot(
            title: "Peers of one download", axis: "peers",
            panels: [.init(axis: "CPU seconds a GiB", series: [cpu]), .init(axis: "MiB resident", series: [memory])])
    }
}
