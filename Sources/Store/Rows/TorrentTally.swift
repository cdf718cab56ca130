/// The number of torrents in each state, and their progress.
package struct TorrentTally: Sendable, Hashable {
    package var counts: [TorrentState: Int] = [:]
    /// Torrents that have all their wanted bytes.
    package var complete = 0
    package var wantedBytes: Int64 = 0
    package var completedBytes: Int64 = 0

    package init() {}

    package var total: Int { counts.values.reduce(0, +) }
}
