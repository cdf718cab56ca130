/// A label, and how many torrents have it.
package struct LabelCount: Row, Sendable, Hashable {
    package let name: String
    package let torrents: Int
    /// The wanted bytes of these torrents.
    package let bytes: Int64

    package static let columns = "l.name, count(*), coalesce(sum(t.wanted_bytes), 0)"

    package init(_ row: Statement) throws(StoreError) {
        name = try row.next()
        torrents = try row.next()
        bytes = try row.nextBytes()
    }
}
