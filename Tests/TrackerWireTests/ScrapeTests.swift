import Testing
import Torrent
import TrackerWire

@Suite struct ScrapeTests {
    @Test func scrapeRequestsEveryHash() {
        let request = ScrapeRequest([Samples.infoHash, Samples.otherHash], over: .http)
        #expect(request.httpQuery.hasPrefix("info_hash=%00%01%02"))
        #expect(request.httpQuery.contains("&info_hash=defghijklmnopqrstuvw"))
    }

    @Test(arguments: [(TrackerURL.Scheme.http, 64), (.https, 64), (.udp, 74)])
    func numberOfHashesIsLimited(_ scheme: TrackerURL.Scheme, _ limit: Int) {
        #expect(ScrapeRequest(Array(repeating: Samples.infoHash, count: 1000), over: scheme).infoHashes.count == limit)
    }

    @Test func onlyRequestedHashesAreParsed() throws {
        let entry = "d8:completei1e10:downloadedi2e10:incompletei3ee"
        let body =
            utf8("d5:filesd20:") + Samples.infoHash.bytes + utf8(entry) + utf8("20:zzzzzzzzzzzzzzzzzzzz" + entry + "ee")
        let response = try ScrapeResponse(
            httpBody: body, to: ScrapeRequest([Samples.infoHash, Samples.otherHash], over: .http))
        #expect(response.torrents == [Samples.infoHash: .init(complete: 1, downloaded: 2, incomplete: 3)])
    }

    @Test(arguments: ["de", "d5:filesle", "", "<html>", "d14:failure reason2:noe", "d5:filesi1ee"])
    func malformedScrapeIsRejected(_ body: String) throws {
        _ = try trackerError { () throws(TrackerError) in
            try ScrapeResponse(httpBody: utf8(body), to: ScrapeRequest([Samples.infoHash], over: .http))
        }
    }
}
