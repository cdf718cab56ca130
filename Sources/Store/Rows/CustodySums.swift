package import Torrent

/// Sums over all torrents, for a report.
package struct CustodySums: Sendable, Hashable {
    package var torrents = 0
    package var wantedBytes: Int64 = 0
    package var completedBytes: Int64 = 0
    /// Torrents that lost bytes, as far as the log goes back, and lack wanted bytes now.
    package var incompleteAgain = 0
    /// Bytes of pieces that are recorded as present.
    package var presentBytes: Int64 = 0
    /// Those of them that were read back since the beginning of the period.
    package var verifiedBytes: Int64 = 0
    /// When the piece that was verified longest ago was verified; `nil` without pieces.
    package var oldestVerification: Timestamp?
}
