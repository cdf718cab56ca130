import Foundation
import SystemPackage
import TestSupport
import Torrent

/// aria2, alone with what the test gives it.
enum Aria2 {
    /// The options of a client that neither looks for others nor listens elsewhere than on loopback.
    static func arguments(_ torrent: FilePath, data: FilePath, port: UInt16, _ more: [String]) -> [String] {
        [
            "--no-conf=true", "--dir=\(data)", "--listen-port=\(port)", "--interface=127.0.0.1", "--disable-ipv6=true",
            "--enable-dht=false",
            "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--file-allocation=none",
            "--quiet=true",
        ] + more + [torrent.string]
    }
}

/// Runs `body` beside an aria2 that has all of the torrent, and ends it with it.
func withAria2Seeding<Value>(
    _ torrent: SampleTorrent, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
    _ body: (PeerAddress) async throws -> Value
) async throws -> Value {
    let program = try RealProgram.require("aria2c", package: "aria2")
    let data = folder.appending("aria2 data")
    try torrent.write(to: data.makingFolder())
    let file = folder.appending("seeded.torrent")
    try Files.write(torrent.file, to: file)
    let port = try Machine.freePort()
    let arguments = Aria2.arguments(
        file, data: data, port: port, ["--seed-ratio=0.0", "--check-integrity=true", "--bt-hash-check-seed=true"])
    return try await withProgram(program, arguments, in: folder) { _ in
        let address = PeerAddress(.v4(0x7f00_0001), port: port)
        try await Machine.untilListening(address)
        return try await body(address)
    }
}

extension FilePath {
    /// The same path, with a folder there.
    func makingFolder() throws -> FilePath {
        try Files.makeFolders(self)
        return self
    }
}
