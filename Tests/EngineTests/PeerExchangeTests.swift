import Engine
import NIOCore
import PeerWire
import Store
import Swarm
import TestSupport
import Testing
import Torrent

/// Peer exchange by a running engine, with peers of the test.
@Suite(.crowded) struct PeerExchangeTests {
    /// What a peer sends that understands extensions and tells of another one.
    static func greeting(_ torrent: SampleTorrent, telling address: PeerAddress, number: Int) -> [UInt8] {
        var handshake = ExtendedHandshake()
        handshake.extensions = [.peerExchange: 5]
        var bytes = ByteBuffer()
        for message in [
            handshake.message,
            .extended(
                id: Extension.peerExchange.rawValue, payload: PeerExchangeMessage(added: [PeerHint(address)]).payload),
        ] {
            PeerMessageEncoder.append(message, to: &bytes)
        }
        return [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0x10, 0, 0x04]
            + torrent.metainfo.infoHash.bytes + Array("-XX0001-".utf8)
            + Array(String(repeating: "\(number % 10)", count: 12).utf8) + Array(bytes.readableBytesView)
    }

    /// A bitfield of another torrent: the connection is closed, after everything before was handled.
    private static let nonsense: [UInt8] = [0, 0, 0, 9, 5, 1, 2, 3, 4, 5, 6, 7, 8]

    @Test(arguments: [true, false]) func peerThatIsToldOfIsDialledUnlessTheExchangeIsOff(isOn: Bool) async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 61)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.run {
                    $0.usesPeerExchange = isOn
                } _: { session in
                    let teller = try await RawPeer.dial(session.address)
                    try await teller.say(Self.greeting(torrent, telling: peers[0].address, number: 1))
                    if isOn {
                        try await site.untilComplete(id)
                        await teller.hangUp()
                    } else {
                        try await teller.say(Self.nonsense)
                        try await eventually("everything to be handled") { teller.isClosed }
                        #expect(!String(decoding: teller.bytes, as: UTF8.self).contains("ut_pex"))
                    }
                }
                #expect(peers[0].requests.isEmpty != isOn)
                let known = try site.read { db throws(StoreError) in try db.peers.rows(of: id) }
                #expect(known.contains { $0.source == .pex } == isOn)
            }
        }
    }

    /// Law 8: a private torrent neither offers the exchange nor takes what arrives.
    @Test func privateTorrentHearsNothing() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 62, isPrivate: true)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.run { session in
                    let teller = try await RawPeer.dial(session.address)
                    try await teller.say(Self.greeting(torrent, telling: peers[0].address, number: 2) + Self.nonsense)
                    try await eventually("everything to be handled") { teller.isClosed }
                    let said = String(decoding: teller.bytes, as: UTF8.self)
                    #expect(said.contains("upload_only") && !said.contains("ut_pex"), "\(said)")
                }
                #expect(peers[0].requests.isEmpty)
                #expect(
                    try site.read { db throws(StoreError) in try db.peers.rows(of: id) }.allSatisfy {
                        $0.source != .pex
                    })
            }
        }
    }
}
