/// The purpose for which a torrent needs a slot of the engine.
package enum SlotKind: String, Sendable, CaseIterable {
    case download, seed, check
}
