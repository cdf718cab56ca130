/// The columns of a torrent's seed time: the sum of past times, and the clock's value at the start of the current one.
enum SeedTimeColumns {
    /// Those of the torrent alone, for many torrents with one reading of the clock.
    static let ofTorrent = "t.seeding_seconds, t.seed_mark"
    static let names = "\(ofTorrent), (SELECT seconds FROM seed_clock)"

    static func read(_ row: Statement) throws(StoreError) -> Duration {
        let (sum, mark, clock) = (try row.nextBytes(), try row.next(Int64?.self), try row.next(Int64?.self))
        return .seconds(seconds(sum, mark, clock))
    }

    /// Reads the columns of the torrent; the result is in seconds.
    static func read(_ row: Statement, clock: Int64?) throws(StoreError) -> Int64 {
        seconds(try row.nextBytes(), try row.next(), clock)
    }

    private static func seconds(_ sum: Int64, _ mark: Int64?, _ clock: Int64?) -> Int64 {
        let (running, isBeyond) = (clock ?? 0).subtractingReportingOverflow(mark ?? .max)
        return isBeyond ? sum : sum.addingReportingOverflow(max(0, running)).partialValue
    }
}
