import Store

/// How many torrents may be active at once, by what they do; `nil` is no limit.
package struct SlotLimits: Sendable, Equatable {
    /// Torrents that download.
    package var downloads: Int? = 50
    /// Complete torrents with peers. Those without are rows, or soon will be, and need no slot.
    package var seeds: Int?
    /// Torrents whose pieces are hashed because they are unverified. One check keeps all cores busy, and a second one
    /// makes a hard disk seek.
    package var checks: Int? = 8

    package init() {}

    subscript(_ kind: SlotKind) -> Int? {
        switch kind {
        case .download: downloads
        case .seed: seeds
        case .check: checks
        }
    }
}
