/// The highest counts that any tracker reported; `nil` when none has. Counts aren't added up, because a peer announces
/// to all trackers and would be counted twice.
package struct Scrape: Sendable, Hashable {
    package var seeders: Int?
    package var leechers: Int?

    package init(seeders: Int? = nil, leechers: Int? = nil) {
        self.seeders = seeders
        self.leechers = leechers
    }

    mutating func include(seeders: Int?, leechers: Int?) {
        if let seeders { self.seeders = max(seeders, self.seeders ?? 0) }
        if let leechers { self.leechers = max(leechers, self.leechers ?? 0) }
    }
}
