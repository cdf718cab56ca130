/// The number of an engine run.
package struct RunID: RawRepresentable, Hashable, Sendable, SQLValue {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}
