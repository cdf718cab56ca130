/// Bytes that a torrent transferred.
struct TransferCounters: Sendable {
    var downloaded: Int64 = 0
    var uploaded: Int64 = 0
    var wasted: Int64 = 0

    /// `nil` if nothing was transferred.
    var ifAny: TransferCounters? { downloaded + uploaded > 0 ? self : nil }
}
