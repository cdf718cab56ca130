/// How the fetch of a ``WebSeedRun`` ended.
package enum WebSeedOutcome: Equatable, Sendable {
    /// All bytes were handed over.
    case finished
    /// The server doesn't have this file as the torrent has it.
    case lacks(file: Int, reason: String)
    /// The server ignores ranges: it can only send a file from its beginning.
    case ignoresRanges
    /// Nothing more can be fetched for a while.
    case failed(String, retryAfter: Duration?)
}
