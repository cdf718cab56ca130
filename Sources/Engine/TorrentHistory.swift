import Store
import Swarm
import Torrent

/// What a torrent achieved in its life: its transfers, its completion and its seed time.
struct TorrentHistory {
    /// The database's counters before this activation.
    private let before: TransferCounters
    /// Transfers of the torrent's earlier activations in the same run of the engine.
    private let movedBefore: TransferCounters
    /// When the torrent was completed; `nil` until the database records it.
    private(set) var completedAt: Timestamp?
    /// Whether an earlier activation completed the torrent and announced that to the trackers.
    let wasCompleted: Bool
    /// Whether the database records that the folder exists.
    private(set) var isRootSeen: Bool
    var seeding: SeedRecord

    init(_ row: TorrentRow, moved: TransferCounters) {
        before = TransferCounters(
            downloaded: row.downloadedBytes, uploaded: row.uploadedBytes, wasted: row.wastedBytes)
        movedBefore = moved
        completedAt = row.completedAt
        wasCompleted = row.completedAt != nil
        isRootSeen = row.isRootSeen
        seeding = SeedRecord(before: row.seedTime)
    }

    /// The bytes transferred in all runs of the engine, of them `transfer` in this activation.
    func inAllRuns(_ transfer: Transfer) -> TransferCounters {
        TransferCounters(
            downloaded: before.downloaded + transfer.downloaded, uploaded: before.uploaded + transfer.uploaded,
            wasted: before.wasted + transfer.wasted)
    }

    /// The bytes transferred in this run of the engine, of them `transfer` in this activation.
    func inThisRun(_ transfer: Transfer) -> TransferCounters {
        TransferCounters(
            downloaded: movedBefore.downloaded + transfer.downloaded,
            uploaded: movedBefore.uploaded + transfer.uploaded)
    }

    /// The database has recorded the completion.
    mutating func completionRecorded(at time: Timestamp?) { completedAt = completedAt ?? time }

    /// The folder exists. Returns whether that is new.
    mutating func rootSeen() -> Bool {
        defer { isRootSeen = true }
        return !isRootSeen
    }
}
