/// The use of the slots of one kind.
package struct SlotUse: Sendable, Hashable {
    /// The number of slots; `nil` for no limit.
    package var limit: Int?
    /// Torrents that hold a slot.
    package var active: Int
    /// Torrents that wait for a slot.
    package var waiting: Int

    package init(limit: Int? = nil, active: Int = 0, waiting: Int = 0) {
        self.limit = limit
        self.active = active
        self.waiting = waiting
    }

    init(_ row: Statement) throws(StoreError) {
        limit = try row.next()
        active = try row.nextCount()
        waiting = try row.nextCount()
    }
}
