import Bencode
package import Torrent

/// A request for the counts of some torrents (BEP 48, BEP 15).
package struct ScrapeRequest: Hashable, Sendable {
    /// The maximum number of info hashes per request. UDP: about 74 fit in a packet (BEP 15). HTTP: 64 hashes of at
    /// most 71 bytes each stay below the 8 KiB that servers accept as a request.
    package static func maximumCount(over scheme: TrackerURL.Scheme) -> Int { scheme == .udp ? 74 : 64 }

    package let infoHashes: [InfoHash]

    /// Creates a request. The caller has to respect ``maximumCount(over:)``; additional hashes are dropped.
    package init(_ infoHashes: some Sequence<InfoHash>, over scheme: TrackerURL.Scheme) {
        self.infoHashes = Array(infoHashes.prefix(Self.maximumCount(over: scheme)))
    }

    /// The query of an HTTP scrape, without the `?`.
    package var httpQuery: String {
        infoHashes.map { "info_hash=\(PercentEncoding.encode($0.bytes))" }.joined(separator: "&")
    }
}

/// The counts of the torrents that a tracker knows; unknown torrents are missing.
package struct ScrapeResponse: Hashable, Sendable {
    package struct Counts: Hashable, Sendable {
        /// The number of seeders.
        package var complete: Int
        /// The number of downloads that ever finished.
        package var downloaded: Int
        /// The number of leechers.
        package var incomplete: Int

        package init(complete: Int, downloaded: Int, incomplete: Int) {
            self.complete = complete
            self.downloaded = downloaded
            self.incomplete = incomplete
        }
    }

    package var torrents: [InfoHash: Counts]

    package init(_ torrents: [InfoHash: Counts] = [:]) { self.torrents = torrents }

    /// Reads the body of an HTTP response. Only requested torrents are kept, so that a tracker can't send its whole
    /// catalogue.
    package init(httpBody body: [UInt8], to request: ScrapeRequest) throws(TrackerError) {
        guard let files = try HTTPAnswer.dictionary(body)["files"]?.dictionary else {
            throw .malformed("it has no “files”")
        }
        var torrents: [InfoHash: Counts] = [:]
        for infoHash in request.infoHashes {
            guard let entry = files[infoHash.bytes] else { continue }
            torrents[infoHash] = Counts(
                complete: HTTPAnswer.count(entry["complete"]) ?? 0,
                downloaded: HTTPAnswer.count(entry["downloaded"]) ?? 0,
                incomplete: HTTPAnswer.count(entry["incomplete"]) ?? 0)
        }
        self.torrents = torrents
    }
}
