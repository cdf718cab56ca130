/// The purpose for which a torrent needs a slot of the engine.
package enum SlotKind: String, Sendable, CaseIterable {
    case download, seed, check
}

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

/// An engine's use of its slots.
package struct SlotReport: Sendable, Hashable {
    /// Whether the engine works only on the torrents that its command named.
    package var isOfNamedOnly = false
    package var downloads: SlotUse
    package var seeds: SlotUse
    package var checks: SlotUse

    package init(
        isOfNamedOnly: Bool = false, downloads: SlotUse = SlotUse(), seeds: SlotUse = SlotUse(),
        checks: SlotUse = SlotUse()
    ) {
        self.isOfNamedOnly = isOfNamedOnly
        self.downloads = downloads
        self.seeds = seeds
        self.checks = checks
    }

    package subscript(_ kind: SlotKind) -> SlotUse {
        get {
            switch kind {
            case .download: downloads
            case .seed: seeds
            case .check: checks
            }
        }
        set {
            switch kind {
            case .download: downloads = newValue
            case .seed: seeds = newValue
            case .check: checks = newValue
            }
        }
    }

    static let columns = """
        named_only, max_downloads, active_downloads, queued_downloads, max_seeds, active_seeds, queued_seeds, max_checks, active_checks, queued_checks
        """

    init(_ row: Statement) throws(StoreError) {
        isOfNamedOnly = try row.next()
        downloads = try SlotUse(row)
        seeds = try SlotUse(row)
        checks = try SlotUse(row)
    }
}
