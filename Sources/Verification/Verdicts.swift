package import Disk
package import Torrent

/// The verdicts of the pieces that were checked.
package struct Verdicts: Sendable {
    package private(set) var good: Bitfield
    package private(set) var bad: Bitfield
    package private(set) var missing: Bitfield
    package private(set) var unreadable: Bitfield
    /// Why the first of the unreadable pieces could not be read.
    package private(set) var error: DiskError?

    package init(count: Int) {
        good = Bitfield(count: count)
        bad = good
        missing = good
        unreadable = good
    }

    package mutating func add(_ piece: PieceIndex, _ verdict: PieceVerdict) {
        switch verdict {
        case .good: good.insert(piece)
        case .bad: bad.insert(piece)
        case .missing: missing.insert(piece)
        case .unreadable(let reason):
            unreadable.insert(piece)
            error = error ?? reason
        }
    }

    /// Treats the missing pieces as not checked.
    mutating func forgetMissing() { missing = Bitfield(count: missing.count) }

    mutating func formUnion(_ other: Verdicts) {
        good.formUnion(other.good)
        bad.formUnion(other.bad)
        missing.formUnion(other.missing)
        unreadable.formUnion(other.unreadable)
        error = error ?? other.error
    }

    func count(into result: inout VerificationResult) {
        result.good = good.population
        result.bad = bad.population
        result.missing = missing.population
        result.unreadable = unreadable.population
    }
}
