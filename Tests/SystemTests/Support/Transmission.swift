import Foundation
import SystemPackage
import TestSupport
import Testing
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

/// Runs a script of this folder with Transmission in a network namespace of its own.
///
/// Its arguments are the verb, our program, the Python script, and the others.
func runWithTransmission(
    _ script: String, _ verb: String, python: String, _ more: [String], database: FilePath, in folder: FilePath
) async throws -> RunningProgram.End {
    _ = try RealProgram.require("transmission-daemon")
    _ = try RealProgram.require("ip", package: "iproute2")
    _ = try await Libtorrent.program()
    let unshare = try RealProgram.require("unshare", package: "util-linux")
    let isolated = ["--net", "--map-root-user"]
    let trial = try await unshare.run(isolated + ["true"], in: folder)
    if trial.exitCode != 0 {
        let reason = "this machine gives users no network namespaces: \(trial.errors)"
        guard ProcessInfo.processInfo.environment["CI"] == nil else {
            Issue.record("\(reason)")
            throw CancellationError()
        }
        try Test.cancel("\(reason)")
    }
    let support = FilePath(#filePath).removingLastComponent()
    return try await unshare.run(
        isolated + [
            "sh", support.appending(script).string, verb, try Pieces.program.path, support.appending(python).string,
        ] + more, in: folder, environment: ["PIECES_DATABASE": database.string], within: .seconds(300))
}

/// What Transmission's remote control said.
private struct TransmissionFault: Error, CustomStringConvertible {
    let description: String
}
