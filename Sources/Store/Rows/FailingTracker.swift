/// A tracker with failed announces.
package struct FailingTracker: Row, Sendable, Hashable {
    package let url: String
    package let torrents: Int
    /// The highest number of consecutive failures among its torrents.
    package let failures: Int
    package let lastError: String?

    package static let columns = "url, count(*) AS torrents, max(failures), max(last_error)"

    package init(_ row: Statement) throws(StoreError) {
        url = try row.next()
        torrents = try row.next()
        failures = try row.next()
        lastError = try row.next()
    }
}
