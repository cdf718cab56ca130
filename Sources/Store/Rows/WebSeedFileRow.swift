package import Torrent

/// What is known of one file on a web seed.
package struct WebSeedFileRow: Row, Sendable, Hashable {
    package let url: String
    /// The index of the file.
    package let index: Int
    /// Why the file can't be fetched there: a clause. `nil` if it can.
    package let lacking: String?
    /// Where requests for the file are redirected.
    package let location: String?
    package let at: Timestamp

    package init(url: String, index: Int, lacking: String?, location: String?, at: Timestamp) {
        self.url = url
        self.index = index
        self.lacking = lacking
        self.location = location
        self.at = at
    }

    package static let columns = "url, idx, lacking, location, at"

    package init(_ row: Statement) throws(StoreError) {
        url = try row.next()
        index = try row.nextCount()
        lacking = try row.next()
        location = try row.next()
        at = try row.next()
    }
}
