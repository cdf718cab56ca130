import Foundation
import SystemPackage
import TestSupport
import Torrent

/// Runs `body` beside a Transmission that works on the torrent in `data`, and ends it with it.
///
/// It refuses to talk to peers at 127.0.0.x that it hears of, and talks to those that dial it. With `link`, it knows
/// only the magnet link of the torrent.
func withTransmission<Value>(
    _ torrent: SampleTorrent, data: FilePath, in folder: FilePath, link: String? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (PeerAddress) async throws -> Value
) async throws -> Value {
    let program = try RealProgram.require("transmission-daemon")
    let settings = try folder.appending("transmission").makingFolder()
    let watched = try folder.appending("watched").makingFolder()
    if link == nil { try Files.write(torrent.file, to: watched.appending("watched.torrent")) }
    let port = try Machine.freePort()
    let remote = try Machine.freePort()
    let arguments = [
        "--foreground", "--config-dir", settings.string, "--download-dir", data.string, "--watch-dir", watched.string,
        "--peerport", "\(port)",
        "--port", "\(remote)", "--rpc-bind-address", "127.0.0.1", "--bind-address-ipv4", "127.0.0.1",
        "--bind-address-ipv6", "::1", "--no-portmap",
        "--no-dht", "--no-lpd",
        "--no-utp", "--no-incomplete-dir", "--log-error",
    ]
    return try await withProgram(program, arguments, in: folder) { _ in
        let address = PeerAddress(.v4(0x7f00_0001), port: port)
        try await Machine.untilListening(address)
        if let link {
            try await Machine.untilListening(PeerAddress(.v4(0x7f00_0001), port: remote))
            let added = try await RealProgram.require("transmission-remote", package: "transmission-cli").run(
                ["127.0.0.1:\(remote)", "--add", link], in: folder)
            guard added.exitCode == 0 else { throw TransmissionFault(description: "\(added)") }
        }
        return try await body(address)
    }
}

/// What Transmission's remote control said.
private struct TransmissionFault: Error, CustomStringConvertible {
    let description: String
}
