import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct LivePeerTests {
    private func row(_ port: UInt16, rate: Int64) -> LivePeerRow {
        LivePeerRow(
            address: PeerAddress(.v4(0x7f00_0001), port: port), isIncoming: port.isMultiple(of: 2),
            client: "Client \(port)", pieces: 3,
            flags: [.weAreInterested, .itChokes], downloadRate: rate, uploadRate: 1, downloadedBytes: 10,
            uploadedBytes: 20, requests: 5)
    }

    @Test func newPeerListReplacesTheOld() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (id, other) = (try connection.add(seed: 1), try connection.add(seed: 2))
        try connection.live.savePeers(other, [row(9, rate: 1)])
        try connection.live.savePeers(id, [row(1, rate: 5), row(2, rate: 7), row(3, rate: 6)])
        #expect(try connection.live.peers(of: id) == [row(2, rate: 7), row(3, rate: 6), row(1, rate: 5)])
        try connection.live.savePeers(id, [row(4, rate: 1)])
        #expect(try connection.live.peers(of: id) == [row(4, rate: 1)])
        try connection.live.clear(id)
        #expect(try connection.live.peers(of: id) == [])
        #expect(try connection.live.peers(of: other).count == 1)
    }

    @Test func removedTorrentHasNoLivePeers() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add(seed: 1)
        try connection.torrents.remove(id, now: noon)
        try connection.live.savePeers(id, [row(1, rate: 5)])
        #expect(try connection.number("SELECT count(*) FROM live_peer") == 0)
    }
}
