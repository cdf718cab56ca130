import Disk
import Logging
import NIOCore
import Store
import Swarm
import Torrent
import Verification

/// Repairs damaged pieces: they are fetched like any others, compared with what is on the disk, and read back.
extension TorrentEngine {
    /// The torrent's files as the brain sees them.
    var payloadFiles: PayloadFiles {
        PayloadFiles(
            metainfo.layout, selection: selection, geometry: metainfo.geometry,
            withheld: repair.withheld(count: metainfo.geometry.pieceCount, and: edits.suspects))
    }

    /// A scrub found damage, which the database has already. Returns the pieces that were present.
    func damaged(_ new: [NewDamage]) {
        let lost = new.filter { swarm.have[$0.piece] }
        guard !lost.isEmpty else { return }
        repair.found(lost)
        var pieces = Bitfield(count: metainfo.geometry.pieceCount)
        for damage in lost { pieces.insert(damage.piece) }
        let files = payloadFiles
        let isWithheld = lost.contains(where: \.isHeld)
        feed { swarm, now in
            if isWithheld { swarm.select(files, now: now) }
            swarm.damaged(pieces, now: now)
        }
        saveState()
    }

    /// Whether the user gave leave to overwrite edits that the torrent doesn't own.
    func mustReload(for rows: [DamageRow]) -> Bool {
        rows.contains { $0.kind == .edit && $0.state != .held && repair.state(of: $0.piece) == .held }
    }

    /// The user or another process changed what happens to damaged pieces.
    func damageIs(_ rows: [DamageRow]) {
        let before = repair.withheld(count: metainfo.geometry.pieceCount)
        repair.reread(rows)
        repair.found(edits.unrecorded)
        let files = payloadFiles
        // What was held may be good after all: it is hashed before it is fetched.
        let count = metainfo.geometry.pieceCount
        let released = (before ?? Bitfield(count: count)).subtracting(
            repair.withheld(count: count) ?? Bitfield(count: count))
        let wanted = repair.wanted(count: count)
        feed { swarm, now in
            swarm.mustRepair(wanted)
            if !released.isEmpty { swarm.recheck(released, now: now) }
            swarm.select(files, now: now)
        }
        announceNow()
        saveState()
    }

    /// Compares a damaged piece with what is on the disk, before it is written.
    func compareFirst(_ work: Verification, _ buffer: PieceBuffer, then verify: @escaping @Sendable () -> Void) {
        let piece = work.piece
        environment.disk.difference(payload, piece, from: buffer) { difference in
            self.environment.loop.execute {
                self.assumeIsolated { engine in
                    engine.repair.differs(piece, by: difference)
                    verify()
                }
            }
        }
    }

    /// A damaged piece was fetched and written.
    func noteRepaired(_ piece: PieceIndex, senders: [PeerAddress], webSeeds keys: [WebSeedKey]) {
        let names =
            senders.map(\.description) + keys.compactMap { webSeeds[$0].map { "the web seed \($0.server)" } }
        let others = names.count > Self.namedSources ? " and \(names.count - Self.namedSources) more" : ""
        repair.written(piece, from: names.prefix(Self.namedSources).joined(separator: ", ") + others)
    }

    /// The most sources named in one line.
    private static let namedSources = 4

    /// These pieces are recorded: repaired ones are read back.
    func readBackRepaired(among pieces: [PieceIndex]) {
        let repaired = repair.recorded(pieces)
        guard !repaired.isEmpty else { return }
        let hashes = metainfo.pieceHashes
        environment.disk.readBack(payload, repaired, hashes: hashes) { readings in
            self.environment.loop.execute {
                self.assumeIsolated { $0.wereReadBack(readings) }
            }
        }
    }

    private func wereReadBack(_ readings: [ScrubReading]) {
        var good: [PieceIndex] = []
        var bad: [NewDamage] = []
        for reading in readings {
            switch reading.verdict {
            case .good:
                guard let (difference, source) = repair.readBack(reading.piece) else { continue }
                good.append(reading.piece)
                event(.repaired, repairText(reading.piece, difference, source))
            case .bad, .missing:
                let place = metainfo.place(of: reading.piece)
                bad.append(
                    NewDamage(
                        piece: reading.piece, kind: .rot, isHeld: true, path: place.path,
                        fileOffset: place.fileOffset, bytes: Int64(metainfo.geometry.length(of: reading.piece))))
            // The piece stays `written`, and the next scrub reads it first.
            case .unreadable: continue
            }
        }
        let (id, now) = (id, environment.clock.timestamp)
        if !good.isEmpty {
            write("a repair") { [good] db throws(StoreError) in try db.damage.repaired(good, of: id, now: now) }
        }
        guard !bad.isEmpty else { return }
        for damage in bad {
            event(
                .held,
                "piece \(damage.piece) in \(damage.path) was repaired, but the disk doesn't keep what is written there: "
                    + "replace the disk; `pieces repair \(id)` tries again")
        }
        write("that a repair didn't last") { [bad] db throws(StoreError) in try db.damage.add(bad, of: id, now: now) }
        damaged(bad)
    }

    private func repairText(_ piece: PieceIndex, _ difference: PieceDifference?, _ source: String?) -> String {
        var place = metainfo.place(of: piece)
        if let first = difference?.first { place = metainfo.place(of: piece, at: first) }
        let origin = source.map { "fetched from \($0)" } ?? "found good again"
        let what: String
        switch difference {
        case nil: what = "piece \(piece)"
        case let found? where found.unreadable > 0:
            what =
                "piece \(piece): \(Format.count(found.unreadable, "byte")) could not be read, from offset \(place.fileOffset)"
        case let found? where found.bytes == 0: what = "piece \(piece): no byte differed"
        case let found?:
            what =
                "piece \(piece): \(Format.count(found.bytes, "byte")) had changed "
                + "(\(Format.count(found.bits, "bit"))), the first at offset \(place.fileOffset)"
        }
        return "\(place.path): \(what); \(origin), written and read back"
    }

    /// Pieces that were found good by a check aren't damaged any more.
    func settleRepairs(_ pieces: [PieceIndex]) {
        let good = pieces.filter { repair.state(of: $0) != nil }
        guard !good.isEmpty else { return }
        let wasWithheld = good.contains { repair.state(of: $0) == .held }
        for piece in good { event(.repaired, "\(metainfo.place(of: piece).path): piece \(piece) is good again") }
        repair.settled(good)
        let (id, now) = (id, environment.clock.timestamp)
        write("that damage is gone") { db throws(StoreError) in try db.damage.repaired(good, of: id, now: now) }
        guard wasWithheld else { return }
        let files = payloadFiles
        feed { swarm, now in swarm.select(files, now: now) }
    }

    /// Looks which damaged pieces no source has. Called now and then.
    func lookForUnavailable() {
        guard !repair.isEmpty, isRunning(for: environment.settings.repairPatience) else { return }
        let (lacking, found) = repair.unavailable(swarm.unavailableRepairs)
        guard !lacking.isEmpty || !found.isEmpty else { return }
        if let first = lacking.first {
            let count = Format.count(lacking.count, "damaged piece")
            event(
                .unavailable,
                "\(count), the first in \(metainfo.place(of: first).path): no connected peer or web seed has it; "
                    + "it is asked for again at each announce")
        }
        let id = id
        write("which damage has sources") { db throws(StoreError) in
            try db.damage.setState(id, lacking, .unavailable)
            try db.damage.setState(id, found, .waiting)
        }
    }
}
