package import Torrent

extension Disk {
    /// Bytes that are copied at a time.
    private static let copyLength = 1 << 20

    /// Makes skipped files wanted: copies their bytes of `pieces` (which must be good on the disk) from the part file
    /// to the files themselves, and syncs them.
    ///
    /// Continue with `payload.placing(files, as: .file)` when the report is complete, and with the old payload
    /// otherwise: the part file keeps its bytes.
    package func promote(
        _ payload: Payload, files: [Int], pieces: Bitfield,
        completion: @escaping @Sendable (Result<SyncReport, DiskError>) -> Void
    ) {
        precondition(files.allSatisfy { payload.placement[$0] == .part } && pieces.count == payload.geometry.pieceCount)
        run(.sync, completion) { () throws(DiskError) in
            let promoted = payload.placing(files, as: .file)
            for file in files { try self.copyFromParts(payload, file, pieces, to: promoted) }
            return self.syncBlocking(promoted)
        }
    }

    package func promote(_ payload: Payload, files: [Int], pieces: Bitfield) async throws(DiskError) -> SyncReport {
        try await answer { done in promote(payload, files: files, pieces: pieces, completion: done) }.get()
    }

    private func copyFromParts(_ payload: Payload, _ file: Int, _ pieces: Bitfield, to promoted: Payload)
        throws(DiskError)
    {
        let (geometry, entry) = (payload.geometry, payload.layout.files[file])
        if entry.isEmpty { _ = try descriptor(promoted, .entry(file), writing: true, from: pool) }
        var reader = PayloadReader(self, payload, pool: pool)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(Self.copyLength, max(1, Int(clamping: entry.length))), alignment: 4096)
        defer { buffer.deallocate() }
        for piece in payload.layout.pieces(of: file, geometry: geometry) where pieces[piece] {
            var at = max(entry.offset, geometry.offset(of: piece))
            let end = min(entry.end, geometry.offset(of: piece) + Int64(geometry.length(of: piece)))
            while at < end {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(buffer.count), end - at))])
                try reader.read(at: at, into: part)
                try write(promoted, at: at, UnsafeRawBufferPointer(part))
                at += Int64(part.count)
            }
        }
    }
}
