import Testing
import Torrent

@Suite struct MetadataTests {
    private static let info = Array("d6:lengthi3e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae".utf8)

    /// The .torrent of a magnet link keeps the info dictionary byte for byte, so it has the link's hash.
    @Test(arguments: [[], ["udp://a.example:1/announce"], ["http://a.example/announce", "udp://b.example:1/announce"]])
    func torrentFileAroundMetadataHasItsHash(trackers: [String]) throws {
        for webSeeds in [[], ["http://c.example/files/"]] {
            let file = Metainfo.torrentFile(around: Self.info, trackers: trackers, webSeeds: webSeeds)
            let metainfo = try Metainfo(torrentFile: file)
            #expect(metainfo.infoHash == InfoHash(SHA1.hash(Self.info)))
            #expect(Array(metainfo.file[metainfo.infoRange]) == Self.info)
            #expect(metainfo.trackers == trackers.map { [$0] })
            #expect(metainfo.webSeeds == webSeeds)
            #expect(metainfo.unused.isEmpty)
        }
    }

    @Test(arguments: [
        (
            MetadataOffer(bytes: 2_202_010, peers: 3, blocks: 87),
            "3 peers offer 2.10 MiB of metadata; 87 of 135 blocks are here"
        ),
        (MetadataOffer(bytes: 32768, peers: 1, blocks: 1), "1 peer offers 32.0 KiB of metadata; 1 of 2 blocks is here"),
        (MetadataOffer(bytes: 1, peers: 1, blocks: 0), "1 peer offers 1 B of metadata; 0 of 1 block are here"),
    ]) func offerIsOneSentence(offer: MetadataOffer, sentence: String) { #expect(offer.sentence == sentence) }

    @Test(arguments: ["magnet:?xt=x", "  MAGNET:", "\nmagnet:"]) func linkIsRecognized(text: String) {
        #expect(MagnetLink.isLink(text))
    }

    @Test(arguments: ["", "magnet", "a magnet:", "http://magnet:1/"]) func otherTextIsNoLink(text: String) {
        #expect(!MagnetLink.isLink(text))
    }
}
