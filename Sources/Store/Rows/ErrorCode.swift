/// The kind of a torrent's error, where programs treat it in a way of its own. It is open, so that kinds of a newer
/// program can be read.
package struct ErrorCode: RawRepresentable, Hashable, Sendable, SQLValue {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    /// The payload is read-only and lacks pieces: what is there is served, and nothing is fetched.
    package static let readOnly = ErrorCode(rawValue: "read_only")
}
