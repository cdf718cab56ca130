/// An engine's use of its slots.
package struct SlotReport: Row, Sendable, Hashable {
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

    package static let columns = """
        named_only, max_downloads, active_downloads, queued_downloads, max_seeds, active_seeds, queued_seeds, max_checks, active_checks, queued_checks
        """

    package init(_ row: Statement) throws(StoreError) {
        isOfNamedOnly = try row.next()
        downloads = try SlotUse(row)
        seeds = try SlotUse(row)
        checks = try SlotUse(row)
    }
}
