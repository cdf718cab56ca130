/// What the session reports to its machine, and what the machine answers at once.
extension SessionMachine {
    /// What becomes of a torrent that is loaded.
    package enum Start: Equatable, Sendable {
        /// It starts; answer with ``started(_:_:now:)``.
        case starts
        /// It must first wait for a check slot; answer with ``failed(_:_:now:)``.
        case waitsForCheck
        /// Nothing needs it any more; answer with ``failed(_:_:now:)``.
        case isUnneeded
    }

    /// Why a torrent couldn't be activated.
    package enum Failure: Equatable, Sendable {
        /// The disk failed, so it is worth a retry.
        case disk
        case other
        /// What is missing doesn't fit; ``spaceIsFree(_:now:)`` follows when it does.
        case noSpace
        case waitsForCheck
        case isUnneeded
    }

    /// A torrent whose disk failed, as its row has it now.
    package enum RetriedRow: Sendable {
        case complete, incomplete, removed
        case unreadable
    }

    /// What follows for a dormant torrent from the status of its folder.
    package enum Verdict: Equatable, Sendable {
        /// The torrent is announced; `isBack` if it was offline.
        case announce(isBack: Bool)
        case goOffline(reason: String)
        /// The torrent is activated to check its files.
        case activate
        /// A recent search found nothing there, and the torrent's own volume is not back.
        case postpone
    }

    /// What was found out about a torrent that was activated only to update its state.
    package enum Finding: Equatable, Sendable {
        case isFine
        /// It only waits for its disk to return.
        case waitsForDisk
        case hasFault
    }
}
