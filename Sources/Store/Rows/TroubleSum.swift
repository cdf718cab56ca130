/// The torrents in one of the states `offline` and `error`.
package struct TroubleSum: Row, Sendable, Hashable {
    package let state: TorrentState
    package let torrents: Int
    /// The error of one of these torrents.
    package let error: String?

    package static let columns = "state, count(*), max(error)"

    package init(_ row: Statement) throws(StoreError) {
        state = try row.next()
        torrents = try row.next()
        error = try row.next()
    }
}
