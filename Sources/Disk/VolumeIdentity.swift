import Torrent

/// What is known of a file system's identity, so that it is recognized at another place, another day and on another
/// machine.
package struct VolumeIdentity: Hashable, Sendable {
    /// The kind of file system and its UUID, as ``Volume/identity`` has them.
    package let text: String
    /// The number in the volume's ``VolumeSentinel``; `nil` if there is none.
    package let sentinel: String?

    package init(_ text: String, sentinel: String? = nil) {
        self.text = text
        self.sentinel = sentinel
    }

    /// The kind of file system: `ext4`, `nfs4`, …
    var kind: Substring { Self.bare(text).prefix { $0 != " " } }

    /// Whether both are of one volume: sentinels that are equal say so even if the file system is a copy of the other
    /// one, and sentinels that differ tell clones apart.
    package func isSame(as other: Self) -> Bool {
        if let sentinel, let other = other.sentinel { return sentinel == other }
        return Self.bare(text) == Self.bare(other.text)
    }

    /// Whether two identities can't belong to one volume.
    package func isCertainlyAnother(than other: Self) -> Bool {
        if let sentinel, let other = other.sentinel { return sentinel != other }
        return Volume.isCertainlyAnother(text, than: other.text)
    }

    /// Marks the identity of a volume that has the UUID of another one, which is recorded already.
    package static let cloneMark = " clone "

    /// The identity of a clone is that of its original, and what tells it apart.
    static func bare(_ text: String) -> Substring {
        text.firstRange(ofText: cloneMark).map { text[..<$0.lowerBound] } ?? text[...]
    }
}

extension Volume {
    /// Whether two identities can't belong to the same volume, because the kind of file system or the UUID differs. The
    /// numbers of file systems without a UUID may change at each mount, so they prove nothing.
    package static func isCertainlyAnother(_ one: String, than other: String) -> Bool {
        let one = VolumeIdentity.bare(one).split(separator: " ", maxSplits: 1)
        let other = VolumeIdentity.bare(other).split(separator: " ", maxSplits: 1)
        guard one.count == 2, other.count == 2 else { return false }
        if one[0] != other[0] { return true }
        return one[1].hasPrefix("uuid ") && other[1].hasPrefix("uuid ") && one[1] != other[1]
    }
}
