/// The number of a file system.
package struct VolumeID: RawRepresentable, Hashable, Sendable, SQLValue {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}
