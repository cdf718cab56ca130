import SystemPackage
import Torrent

/// One download by the program, from peers that this process plays.
struct PayloadDownload {
    /// What it cost, from exec to exit: payload synced and recorded.
    let sample: ProcessSample
    /// KiB that it had in memory at most.
    let peakKiB: Int
    /// From exec until all peers were connected.
    let gathering: Duration
    /// From then to the exit.
    let transfer: Duration

    private static let patience = Duration.seconds(600)

    /// - Parameter wrapper: a program, and its arguments, that starts the program; what is measured of the process is
    ///   then its own.
    init(
        _ torrent: UniformTorrent, peers count: Int, in folder: FilePath, _ setup: BenchmarkSetup,
        wrapper: [String] = []
    )
        throws
    {
        let peers = try WirePeers(torrent, count: count)
        let file = folder.appending("download.torrent")
        try BenchmarkSetup.write(torrent.metainfo.file, to: file)
        let output = folder.appending("output")
        try BenchmarkSetup.makeFolder(output)
        let command =
            wrapper + [
                setup.program.string, "download", file.string, "--database", folder.appending("pieces.db").string,
                "--output", output.string,
                "--bind", "127.0.0.1", "--listen-port", "0", "--max-peers", "\(count)", "--quiet",
            ] + peers.arguments
        let process = try RunningProcess(FilePath(command[0]), Array(command.dropFirst()))
        sample = try peers.serve(until: process, within: Self.patience)
        peakKiB = process.peakKiB
        guard let unchoked = peers.unchoked else {
            throw BenchmarkError("the download ended before all \(count) peers were connected: try again")
        }
        gathering = process.start.duration(to: unchoked)
        transfer = sample.wall - gathering
    }
}
