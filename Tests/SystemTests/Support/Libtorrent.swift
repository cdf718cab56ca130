import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// libtorrent by its Python binding, alone with what the test gives it.
enum Libtorrent {
    /// Seeds a .torrent (`seed`), or downloads a magnet link (`fetch`), and prints what happens.
    private static let script = """
        import libtorrent as lt, sys, time
        verb, source, folder, port, peer = sys.argv[1:6]
        session = lt.session({
            'listen_interfaces': '127.0.0.1:' + port, 'enable_dht': False, 'enable_lsd': False,
            'enable_upnp': False, 'enable_natpmp': False, 'allow_multiple_connections_per_ip': True})
        if verb == 'seed':
            handle = session.add_torrent({'ti': lt.torrent_info(source), 'save_path': folder})
        else:
            params = lt.parse_magnet_uri(source)
            params.save_path = folder
            handle = session.add_torrent(params)
        while True:
            status = handle.status()
            if status.is_seeding:
                print('complete', flush=True)
                if verb == 'fetch':
                    break
            time.sleep(0.1)
        """

    static func program() async throws -> RealProgram {
        let python = try RealProgram.require("python3")
        let found = try await withTemporaryFolder { folder in
            try await python.run(["-c", "import libtorrent"], in: folder).exitCode == 0
        }
        guard !found else { return python }
        let advice = "run `sh .ci/setup`"
        guard ProcessInfo.processInfo.environment["CI"] == nil else {
            Issue.record("libtorrent is not installed, and this test does not run without it: \(advice)")
            throw CancellationError()
        }
        try Test.cancel("libtorrent is not installed: \(advice) to run this test")
    }

    static func arguments(
        _ verb: String, _ source: String, data: FilePath, port: UInt16, peer: PeerAddress? = nil, in folder: FilePath
    ) throws -> [String] {
        let file = folder.appending("client.py")
        try Files.write(Array(script.utf8), to: file)
        return [file.string, verb, source, data.string, "\(port)", peer.map { "\($0)" } ?? "-"]
    }
}

/// Runs `body` beside a libtorrent that has all of the torrent, and ends it with it.
func withLibtorrentSeeding<Value>(
    _ torrent: SampleTorrent, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
    _ body: (PeerAddress) async throws -> Value
) async throws -> Value {
    let program = try await Libtorrent.program()
    let data = folder.appending("libtorrent data")
    try torrent.write(to: data.makingFolder())
    let file = folder.appending("libtorrent.torrent")
    try Files.write(torrent.file, to: file)
    let port = try Machine.freePort()
    let arguments = try Libtorrent.arguments("seed", file.string, data: data, port: port, in: folder)
    return try await withProgram(program, arguments, in: folder) { running in
        try await eventually("libtorrent to have checked its files: \(running.errors)") {
            running.output.contains("complete")
        }
        return try await body(PeerAddress(.v4(0x7f00_0001), port: port))
    }
}

/// Runs `body` beside a libtorrent at `host` that seeds or leeches the .torrent and dials `peer`: local_peer.py.
func withLibtorrentPeer<Value>(
    _ verb: String, _ file: FilePath, data: FilePath, at host: String = "127.0.0.1", peer: String = "-",
    usesExchange: Bool = true, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
    _ body: (_ peer: RunningProgram, _ address: String) async throws -> Value
) async throws -> Value {
    let python = try await Libtorrent.program()
    let script = FilePath(#filePath).removingLastComponent().appending("local_peer.py")
    let arguments =
        [script.string, verb, file.string, data.string, host, "quiet", peer, "0"] + (usesExchange ? [] : ["nopex"])
    return try await withProgram(python, arguments, in: folder) { running in
        let listening = try await eventually("libtorrent to listen: \(running.errors)") {
            running.output.firstMatch(of: /listening (\S+)/).map { String($0.output.1) }
        }
        return try await body(running, listening)
    }
}
