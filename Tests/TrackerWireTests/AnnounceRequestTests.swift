import Testing
import Torrent
import TrackerWire

@Suite struct AnnounceRequestTests {
    @Test func announceQueryIsExact() {
        var request = Samples.request(event: .started)
        request.infoHash = InfoHash([
            0x00, 0x20, 0x26, 0x3d, 0x25, 0x2b, 0x7e, 0x2d, 0x5f, 0x2e, 0x41, 0x7a, 0x39, 0x80, 0xff, 0x2f, 0x3f, 0x23,
            0x0a, 0x61,
        ])!
        request.trackerID = [0xfe, 0x61]
        request.key = 0xbeef
        #expect(
            request.httpQuery
                == "info_hash=%00%20%26%3D%25%2B~-_.Az9%80%FF%2F%3F%23%0Aa&peer_id=-PE0100-abcdefghijkl&port=6881&uploaded=1"
                + "&downloaded=2&left=3&compact=1&no_peer_id=1&numwant=30&key=0000beef&event=started&trackerid=%FEa")
    }

    @Test func countsAreNeverNegative() {
        let request = AnnounceRequest(
            infoHash: Samples.infoHash, peerID: Samples.peerID, port: 1, uploaded: -1, downloaded: .min, left: -5,
            peersWanted: -9, key: 0)
        #expect(request.httpQuery.contains("&uploaded=0&downloaded=0&left=0&"))
        #expect(request.httpQuery.contains("&numwant=0&"))
        #expect(!request.httpQuery.contains("event="))
    }

    @Test func stoppedAnnounceRequestsNoPeers() {
        #expect(Samples.request(event: .stopped).httpQuery.contains("&numwant=0&"))
        #expect(Samples.request(event: .completed).httpQuery.contains("&numwant=30&"))
    }
}
