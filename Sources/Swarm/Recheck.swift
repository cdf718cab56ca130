/// The progress of a recheck of unverified pieces.
package struct Recheck {
    private(set) var isRunning = false
    /// Whether more pieces became unverified that the recheck under way doesn't cover.
    package private(set) var isIncomplete = false
    private(set) var good = 0
    private(set) var bad = 0
    private(set) var missing = 0

    mutating func began() { self = Recheck(isRunning: true) }

    /// A piece became unverified.
    mutating func missedPiece() {
        if isRunning { isIncomplete = true }
    }

    mutating func foundGood() { good += 1 }
    mutating func foundBad() { bad += 1 }
    mutating func foundMissing() { missing += 1 }

    mutating func ended() { isRunning = false }
}
