/// A value of a .torrent that has no effect here although the author intended one.
///
/// Such a value never decides what is downloaded. `pieces show` reports these values, so that users can see why a
/// tracker is missing, for example.
package struct UnusedValue: Hashable, Sendable {
    /// The maximum number of unused URL values that are reported for one .torrent.
    package static let maximumCount = 100
    /// The maximum number of bytes of a value that are shown.
    private static let excerptBytes = 200

    /// The path of keys from the document's root.
    package let key: String
    /// The value or its beginning; empty if the value is not text.
    package let text: String
    /// Why it isn't used.
    package let reason: String

    init(_ key: String, _ bytes: ArraySlice<UInt8>, _ reason: String) {
        self.key = key
        self.reason = reason
        text = LegacyText.decode(LegacyText.beginning(of: bytes, bytes: Self.excerptBytes))
    }
}
