private import CMapping

/// Bytes of a file that were all in the page cache, seen there without a copy. See `CMapping.h`.
///
/// It belongs to the thread that made it, which closes it before the descriptor. Until then, a page that turns out to
/// be gone, or can't be read, holds zeros, and doesn't end the process.
package struct CachedRange {
    private let mapping: cmapping

    /// `nil` where not all bytes are in the page cache, or the system doesn't tell.
    package init?(_ descriptor: Int32, at offset: Int64, length: Int) {
        var mapping = cmapping()
        guard cmapping_open(descriptor, off_t(offset), length, &mapping) else { return nil }
        self.mapping = mapping
    }

    /// The first byte.
    package var start: UnsafeRawPointer { UnsafeRawPointer(mapping.bytes) }

    /// Whether all bytes that were seen were the file's, and the file still reaches to the end of the range.
    package func close() -> Bool { withUnsafePointer(to: mapping) { cmapping_close($0) } }
}
