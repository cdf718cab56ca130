/// A value of a .torrent that has no effect here though its maker meant something by it.
///
/// No such value decides what is downloaded. `pieces show` reports them, so that nobody wonders why a tracker is
/// missing.
package struct UnusedValue: Hashable, Sendable {
    /// The most values of the URLs that are reported of a .torrent.
    package static let maximumCount = 100
    /// The most bytes of a value that are shown.
    private static let excerptBytes = 200

    /// The key, as a path of keys from the document's root.
    package let key: String
    /// The value or its beginning; empty where it is no text.
    package let text: String
    /// Why it isn't used.
    package let reason: String

    init(_ key: String, _ bytes: ArraySlice<UInt8>, _ reason: String) {
        self.key = key
        self.reason = reason
        text = LegacyText.decode(LegacyText.beginning(of: bytes, bytes: Self.excerptBytes))
    }
}
