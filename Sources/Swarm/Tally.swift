import Torrent

/// Counts what was transferred, and what of it the database was told.
struct Tally {
    private(set) var total = Transfer()
    private var reported = Transfer()
    private var download = RateMeter()
    private var upload = RateMeter()

    mutating func downloaded(_ bytes: Int, at now: Instant) {
        total.downloaded += Int64(bytes)
        download.add(bytes, at: now)
    }

    mutating func uploaded(_ bytes: Int, at now: Instant) {
        total.uploaded += Int64(bytes)
        upload.add(bytes, at: now)
    }

    mutating func wasted(_ bytes: Int) { total.wasted += Int64(bytes) }

    /// The rates in bytes per second.
    mutating func rates(now: Instant) -> (download: Int, upload: Int) { (download.rate(at: now), upload.rate(at: now)) }

    /// Returns the transfers since the last call, which then count as reported to the database.
    mutating func takeUnreported() -> Transfer {
        defer { reported = total }
        return total - reported
    }

    /// The database refused the report.
    mutating func wasRefused(_ transfer: Transfer) { reported = reported - transfer }
}
