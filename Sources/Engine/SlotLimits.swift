import Store

/// How many torrents may be active at once, by activity; `nil` means unlimited.
package struct SlotLimits: Sendable, Equatable {
    /// Torrents that download.
    package var downloads: Int? = 50
    /// Complete torrents with peers. Those without peers are dormant, or soon will be, and need no slot.
    package var seeds: Int?
    /// Torrents whose unverified pieces are being hashed. One check keeps all cores busy, and a second one makes a hard
    /// disk seek.
    package var checks: Int? = 8
    /// Downloads, seeds and checks together.
    package var active: Int?

    package init() {}

    subscript(_ kind: SlotKind) -> Int? {
        switch kind {
        case .download: downloads
        case .seed: seeds
        case .check: checks
        }
    }
}
