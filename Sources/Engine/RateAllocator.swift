/// Divides a rate limit among all torrents.
enum RateAllocator {
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
