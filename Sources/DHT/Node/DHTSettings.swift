/// The settings of a ``DHTNode``.
package struct DHTSettings: Hashable, Sendable {
    /// Queries a second that we begin, for lookups and upkeep.
    package var queriesPerSecond = 200
    /// Answers a second that we give, and their bytes.
    package var answersPerSecond = 200
    package var answerBytesPerSecond = 64 * 1024
    /// Packets a second for dormant torrents.
    package var dormantPacketsPerSecond = 50
    /// Queries of others aren't answered (BEP 43): the port is closed, or the network is metered.
    package var isReadOnly = false
    /// Whether a node that others can't reach becomes read-only by itself.
    package var becomesReadOnly = false
    /// Sent with each message (`v`).
    package var version: [UInt8] = []

    /// The time between two announces of a torrent; nodes forget peers after 30 to 45 minutes.
    package static let announceInterval = Duration.seconds(25 * 60)

    package init() {}
}
