import DatabaseLab
import Store
import Testing
import Torrent

struct HostBanTests {
    @Test func bansAreStoredUntilTheyExpire() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let bans = [
            HostBanRow(host: "10.0.0.1", reason: "lied", at: noon, until: noon + .seconds(60)),
            HostBanRow(host: "2001:db8::", reason: "waste", at: noon, until: noon + .seconds(90)),
        ]
        for ban in bans { try db.hostBans.save(ban) }
        #expect(try db.hostBans.rows(now: noon) == bans.reversed())
        // Said again, the ban is the newer one.
        let again = HostBanRow(
            host: "10.0.0.1", reason: "lied again", at: noon + .seconds(9), until: noon + .seconds(100))
        try db.hostBans.save(again)
        #expect(try db.hostBans.rows(now: noon + .seconds(70)) == [again, bans[1]])
        #expect(try db.hostBans.rows(now: noon + .seconds(95)) == [again])
        try db.hostBans.forgetEnded(now: noon + .seconds(95))
        #expect(try db.number("SELECT count(*) FROM v1_host_ban") == 1)
    }

    @Test func storedBansAreLimited() throws {
        let folder = try TemporaryFolder(inMemory: true)
        let db = try folder.connection()
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for n in 0..<4200 {
                let end = noon + .seconds(Int64(n + 1))
                try db.hostBans.save(
                    HostBanRow(host: "10.0.\(n / 256).\(n % 256)", reason: "lied", at: noon, until: end))
            }
        }
        let kept = try db.hostBans.rows(now: noon)
        #expect(kept.count == 4096 && kept.first?.until == noon + .seconds(4200))
    }
}
