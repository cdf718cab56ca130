import System
package import Torrent

/// The SHA-256 of a torrent's files, computed from the pieces that a scrub reads.
///
/// Several reads are under way at once and end in any order, but a file's bytes are hashed in theirs: each read has a
/// place in line, and waits for those before it.
package final class ScrubDigests: Sendable {
    /// The place of a read in line. It must be used, or the reads behind it wait for ever.
    package struct Place: Sendable {
        fileprivate let line: ScrubDigests
        fileprivate let number: Int
    }

    private struct State {
        var digester: FileDigester
        /// The number of places given away.
        var given = 0
        /// The number of the place whose turn it is.
        var current = 0
        var found: [FileDigest] = []
    }

    private let state: Monitor<State>

    /// `wanted` says of each file of the layout whether it gets a digest.
    package init(layout: FileLayout, geometry: Geometry, wanted: [Bool]) {
        state = Monitor(State(digester: FileDigester(layout: layout, geometry: geometry, wanted: wanted)))
    }

    /// Returns the next place in line. The pieces of its read come after those of all places before it.
    package func nextPlace() -> Place {
        var number = 0
        state.change { state in
            number = state.given
            state.given += 1
            return .nothing
        }
        return Place(line: self, number: number)
    }

    /// Takes the digests that were found since the last call.
    package func takeFound() -> [FileDigest] {
        var found: [FileDigest] = []
        state.change { state in
            swap(&found, &state.found)
            return .nothing
        }
        return found
    }

    /// Waits for the place's turn, and returns the digester as the reads before left it.
    fileprivate func wait(for number: Int) -> FileDigester { state.wait { $0.current == number ? $0.digester : nil } }

    fileprivate func end(_ digester: FileDigester, _ found: [FileDigest]) {
        state.change { state in
            state.digester = digester
            state.found += found
            state.current += 1
            return .all
        }
    }
}

extension ScrubDigests.Place {
    /// Waits for the reads before this one, and hashes what `body` gives to the digester. `body` returns the digests
    /// that the digester has returned.
    func use(_ body: (inout FileDigester) -> [FileDigest]) {
        var digester = line.wait(for: number)
        let found = body(&digester)
        line.end(digester, found)
    }
}
