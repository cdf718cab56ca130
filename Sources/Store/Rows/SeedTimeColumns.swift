/// The columns of a torrent's seed time: the sum of past times, and the clock's value at the start of the current one.
enum SeedTimeColumns {
    static let names = "t.seeding_seconds, t.seed_mark, (SELECT seconds FROM seed_clock)"

    static func read(_ row: Statement) throws(StoreError) -> Duration {
        let (sum, mark, clock) = (try row.nextBytes(), try row.next(Int64?.self), try row.next(Int64?.self))
        let (running, isBeyond) = (clock ?? 0).subtractingReportingOverflow(mark ?? .max)
        return .seconds(sum) + .seconds(isBeyond ? 0 : max(0, running))
    }
}
