import SystemPackage
import Torrent

/// The cost of a torrent of many small files: to verify it, and to download it.
struct FileGrowth {
    private static let bytesEach = 16 << 10
    private static let pieceLength = 256 << 10

    let most: Int
    let setup: BenchmarkSetup

    func measure() throws -> Plot {
        var verifying = Plot.Series("verify, CPU")
        var verifyingWall = Plot.Series("verify, wall")
        var downloading = Plot.Series("download, CPU")
        var downloadingWall = Plot.Series("download, wall")
        let table = Table([
            "files", "MiB", "verify CPU ms", "verify ms", "download CPU ms", "download ms", "download, MiB resident",
        ])
        for count in GrowthBenchmark.decades(from: 1, to: most) {
            let torrent = try UniformTorrent(
                "files", files: count, bytesEach: Self.bytesEach, pieceLength: Self.pieceLength,
                filler: UniformTorrent.solid)
            let verified = try verify(torrent, count)
            let folder = try setup.makeFolder("files-\(count)-download")
            let download = try PayloadDownload(torrent, peers: 1, in: folder, setup)
            try BenchmarkSetup.remove(folder.appending("output"))
            table.add([
                "\(count)", (Double(count * Self.bytesEach) / 1_048_576).text(2), verified.cpu.milliseconds,
                verified.wall.milliseconds,
                download.sample.cpu.milliseconds, download.sample.wall.milliseconds,
                (Double(download.peakKiB) / 1024).text(1),
            ])
            let x = Double(count)
            verifying.points.append((x, verified.cpu.seconds))
            verifyingWall.points.append((x, verified.wall.seconds))
            downloading.points.append((x, download.sample.cpu.seconds))
            downloadingWall.points.append((x, download.sample.wall.seconds))
        }
        return Plot(
            title: "Files of one torrent", axis: "files of 16 KiB",
            panels: [.init(axis: "seconds", series: [verifying, verifyingWall, downloading, downloadingWall])])
    }

    /// `pieces verify` of files that are in the page cache.
    private func verify(_ torrent: UniformTorrent, _ count: Int) throws -> ProcessSample {
        let payload = try setup.makeFolder("files-\(count)-verify")
        let database = setup.folder.appending("files-\(count).db")
        try torrent.makeDatabase(database, output: payload)
        let sample = try ProcessSample(
            setup.program, ["verify", "--restart", "--quiet", "--database", database.string])
        try BenchmarkSetup.remove(payload)
        return sample
    }
}
