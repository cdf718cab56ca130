/// Divides the limits that all torrents share among the active ones.
package struct RateAllocator {
    /// The current rates of a torrent, in bytes per second.
    package struct Demand: Sendable {
        var download: Int
        var upload: Int

        package init(download: Int, upload: Int) {
            self.download = download
            self.upload = upload
        }
    }

    /// The limits of a torrent: connections, and bytes per second.
    package struct Share: Equatable, Sendable {
        package var peers: Int
        package var download: Int?
        package var upload: Int?
    }

    /// The least number of connections that a torrent may have, however many torrents are active.
    private static let fewestPeers = 4

    private let maximumPeers: Int
    private let maximumPeersPerTorrent: Int
    private let downloadLimit: Int?
    private let uploadLimit: Int?

    package init(_ settings: EngineSettings) {
        maximumPeers = settings.maximumPeers
        maximumPeersPerTorrent = settings.maximumPeersPerTorrent
        downloadLimit = settings.downloadLimit
        uploadLimit = settings.uploadLimit
    }

    /// Returns the shares of active torrents, in their order.
    package func shares(for demands: [Demand]) -> [Share] {
        let peers = min(maximumPeersPerTorrent, max(Self.fewestPeers, maximumPeers / max(1, demands.count)))
        let downloads = downloadLimit.map { Self.divide($0, among: demands.map(\.download)) }
        let uploads = uploadLimit.map { Self.divide($0, among: demands.map(\.upload)) }
        return demands.indices.map { Share(peers: peers, download: downloads?[$0], upload: uploads?[$0]) }
    }

    /// The share that is always divided equally, so that each torrent can show that it needs more.
    private static let smallestPart = 0.05

    /// Returns a limit for each torrent; together they are at most `limit`. `rates` are the current rates. A torrent
    /// that uses less than its share leaves the rest to the others.
    static func divide(_ limit: Int, among rates: [Int]) -> [Int] {
        guard !rates.isEmpty else { return [] }
        let equal = limit / rates.count
        let least = max(1, Int(Double(limit) * smallestPart) / rates.count)
        let modest = rates.map { $0 < equal * 3 / 4 }
        let kept = zip(rates, modest).reduce(0) { $0 + ($1.1 ? max(least, min(equal, $1.0 * 5 / 4)) : 0) }
        let greedy = modest.count { !$0 }
        guard greedy > 0 else { return rates.map { _ in max(1, equal) } }
        let rest = max(equal, (limit - kept) / greedy)
        return zip(rates, modest).map { rate, isModest in max(1, isModest ? max(least, min(equal, rate * 5 / 4)) : rest)
        }
    }
}
