/// Bytes that were received and sent.
package struct Transfer: Equatable, Sendable {
    package var downloaded: Int64 = 0
    package var uploaded: Int64 = 0
    /// Bytes received and discarded: duplicates, unrequested blocks, and pieces that failed their hash check.
    package var wasted: Int64 = 0

    package var isEmpty: Bool { self == Transfer() }

    static func + (a: Self, b: Self) -> Self {
        Self(downloaded: a.downloaded + b.downloaded, uploaded: a.uploaded + b.uploaded, wasted: a.wasted + b.wasted)
    }

    static func - (a: Self, b: Self) -> Self {
        Self(downloaded: a.downloaded - b.downloaded, uploaded: a.uploaded - b.uploaded, wasted: a.wasted - b.wasted)
    }
}
