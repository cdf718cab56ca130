import Store
import Testing
import Torrent
import Verification

/// What a scrub has found, until it is recorded.
@Suite struct ScrubRecordTests {
    private static func record(_ change: (inout ScrubRecord) -> Void = { _ in }) -> ScrubRecord {
        var record = ScrubRecord(torrent: TorrentID(1), volume: nil)
        change(&record)
        return record
    }

    private static func damage(_ piece: Int, _ kind: DamageRow.Kind = .rot) -> NewDamage {
        NewDamage(
            piece: PieceIndex(piece), kind: kind, isHeld: kind == .edit, path: "a", fileOffset: 0, bytes: 1)
    }

    /// Only what would be lost for good is worth a wait for the disk.
    @Test func onlyFindingsAreUrgent() {
        let reading = Self.record {
            $0.readPieces = 5
            $0.readBytes = 5
            $0.events = [.init(.transient, "once")]
        }
        #expect(!reading.isUrgent && !reading.isEmpty)
        #expect(Self.record { $0.damage = [Self.damage(1)] }.isUrgent)
        #expect(Self.record { $0.repaired = [PieceIndex(1)] }.isUrgent)
        #expect(Self.record { $0.holdReason = "many" }.isUrgent)
        let print = FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: 1)
        #expect(Self.record { $0.files = [FingerprintRow(index: 0, print)] }.isUrgent)
    }

    /// Neighbouring pieces of a file are one event, whatever the order in which they were found.
    @Test func neighboursAreOneEvent() {
        func rot(_ piece: Int, _ path: String = "a", isHeld: Bool = false) -> NewDamage {
            NewDamage(
                piece: PieceIndex(piece), kind: .rot, isHeld: isHeld, path: path, fileOffset: Int64(piece) * 10,
                bytes: 10)
        }
        func unreadable(_ piece: Int) -> NewDamage {
            NewDamage(
                piece: PieceIndex(piece), kind: .unreadable, isHeld: false, path: "b", fileOffset: 4096, bytes: 8192,
                badBytes: 4096)
        }
        let held = "; it isn't repaired while repairs on the volume are stopped"
        let rotten = [rot(7), rot(5), rot(6), rot(9), rot(10, isHeld: true), rot(11, "b")]
        let others = [unreadable(12), unreadable(13)]
        let record = Self.record { $0.damage = rotten + others + [Self.damage(14, .edit), Self.damage(15, .missing)] }
        #expect(
            record.damageEvents == [
                .init(.rot, "a: pieces 5 to 7, at offset 50, changed on the disk"),
                .init(.rot, "a: piece 9, at offset 90, changed on the disk"),
                .init(.rot, "a: piece 10, at offset 100, changed on the disk\(held)"),
                .init(.rot, "b: piece 11, at offset 110, changed on the disk"),
                .init(.unreadable, "b: pieces 12 to 13: 8,192 bytes at offset 4096 can't be read"),
            ])
        #expect(Self.record().damageEvents.isEmpty)
    }

    /// A refused record goes before what was found since, and loses nothing.
    @Test func refusedRecordIsKept() {
        let first = Self.record {
            $0.damage = [Self.damage(1), Self.damage(2, .edit)]
            $0.readPieces = 3
            $0.missingFiles = [4]
            $0.events = [.init(.rot, "first")]
        }
        var second = Self.record {
            $0.damage = [Self.damage(7)]
            $0.readPieces = 2
            $0.missingFiles = [4, 5]
            $0.events = [.init(.rot, "second")]
        }
        second.follow(first, isHeld: false)
        #expect(second.damage.map(\.piece.value) == [1, 2, 7])
        #expect(second.damage.map(\.isHeld) == [false, true, false])
        #expect(second.readPieces == 5 && second.missingFiles == [4, 5])
        #expect(second.events.map(\.text) == ["first", "second"])
    }

    /// Repairs stopped meanwhile: what waits to be recorded isn't repaired, either.
    @Test func refusedDamageIsHeldWithItsVolume() {
        var record = Self.record { $0.damage = [Self.damage(7).held()] }
        record.follow(Self.record { $0.damage = [Self.damage(1)] }, isHeld: true)
        #expect(record.damage.map(\.isHeld) == [true, true])
    }
}
