package import Synchronization
package import Torrent

/// The result of checking one piece on the disk.
package enum PieceVerdict: Sendable, Hashable {
    case good
    /// The bytes are there, but they are wrong.
    case bad
    /// A file of the piece doesn't exist, or ends before the piece.
    case missing
    /// The machine could not read the piece, which says nothing about its bytes.
    case unreadable(DiskError)
}

/// How a verification ended.
package enum VerificationOutcome: Sendable, Hashable {
    case finished
    case cancelled
    /// The output folder is unreachable. Pieces without a verdict keep their state.
    case offline(DiskError)
}

extension Disk {
    /// Descriptors that each core may hold for a verification. They are separate from the shared pool: a file that is
    /// no longer at its path must not be found good because it is still open.
    static let descriptorsPerScan = 128

    /// Reads `pieces` in order and compares their SHA-1 digests with `hashes`.
    ///
    /// Each core looks the files up by name again after `bytesPerLook`, because a scan may take hours.
    ///
    /// `progress` receives a few verdicts at a time, each piece once; several disk threads call it at once. It is not
    /// called after `completion`.
    package func verify(
        _ payload: Payload, pieces: Bitfield, hashes: PieceHashes,
        cancel: CancelToken = CancelToken(),
        bytesPerLook: Int = 512 << 20,
        progress: @escaping @Sendable ([(piece: PieceIndex, verdict: PieceVerdict)]) -> Void,
        completion: @escaping @Sendable (VerificationOutcome) -> Void
    ) {
        precondition(pieces.count == payload.geometry.pieceCount && hashes.algorithm == .sha1)
        let offline = Box<DiskError?>(nil)
        let scan = PieceScan<PayloadReader>(workers, payload.geometry, pieces, cancel: cancel) { hasher in
            if let error = hasher.failures.lazy.compactMap({ $0 }).first(where: \.code.isOffline) {
                offline.value.withLock { $0 = error }
                return false
            }
            progress(Self.verdicts(hasher, hashes))
            return true
        } completion: {
            if let error = offline.value.withLock(\.self) {
                completion(.offline(error))
            } else {
                completion(cancel.isCancelled ? .cancelled : .finished)
            }
        }
        let slots = max(1, min(cores, (pieces.population + LaneHasher.lanes - 1) / LaneHasher.lanes))
        scan.start(slots: slots) {
            let limit = min(Self.descriptorsPerScan, DescriptorPool.defaultLimit / slots)
            let laneFull = LaneHasher.lanes * payload.geometry.pieceLength
            var pool = DescriptorPool(limit: limit)
            var rest = bytesPerLook
            return {
                if rest <= 0 {
                    pool = DescriptorPool(limit: limit)
                    rest = bytesPerLook
                }
                rest -= laneFull
                return PayloadReader(self, payload, pool: pool)
            }
        }
    }

    /// The verdicts in piece order, and how the verification ended. Pieces that it didn't reach are missing from the
    /// list.
    package func verify(
        _ payload: Payload, pieces: Bitfield, hashes: PieceHashes,
        cancel: CancelToken = CancelToken()
    ) async -> (verdicts: [(piece: PieceIndex, verdict: PieceVerdict)], outcome: VerificationOutcome) {
        let verdicts = Box<[(piece: PieceIndex, verdict: PieceVerdict)]>([])
        let outcome = await answer { done in
            verify(
                payload, pieces: pieces, hashes: hashes, cancel: cancel,
                progress: { some in verdicts.value.withLock { $0 += some } },
                completion: done)
        }
        return (verdicts.value.withLock(\.self).sorted { $0.piece < $1.piece }, outcome)
    }

    private static func verdicts(
        _ hasher: LaneHasher, _ hashes: PieceHashes
    ) -> [(piece: PieceIndex, verdict: PieceVerdict)] {
        hasher.pieces.indices.map { lane in
            let piece = hasher.pieces[lane]
            guard let error = hasher.failures[lane] else {
                return (piece, hasher.digest(lane).elementsEqual(hashes[piece]) ? .good : .bad)
            }
            return (piece, error.code == .notFound || error.code == .shortFile ? .missing : .unreadable(error))
        }
    }
}

/// A value that closures on several threads share.
package final class Box<Value: Sendable>: Sendable {
    package let value: Mutex<Value>
    package init(_ value: sending Value) { self.value = Mutex(value) }
}
