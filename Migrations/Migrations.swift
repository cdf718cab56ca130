// Room: Migrations.
// Duty: the history of the schema, embedded in the program.
// Owns: the numbered SQL files of this folder and their order; the schema that they make together.
// Never: opens a database; changes a file that was released, comments included (its checksum is in every database).
// Invariants: numbers begin at 1 and have no gaps; a migration only goes forward.

/// One step of the schema's history.
package struct Migration: Sendable {
    /// The version of the schema after this step.
    package let number: Int
    package let name: String
    package let sql: String
    /// The FNV-1a 64 of the SQL's bytes as 16 hexadecimal digits: it tells an edited file, it does not guard against an
    /// enemy. Stored, because each connection that is opened compares it.
    package let checksum: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
        checksum = Self.checksum(of: sql)
    }

    private static func checksum(of sql: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in sql.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The schema that all steps make together, with which a new database begins. A test compares it with them, and
    /// writes it.
    package static let schema = String(decoding: PackageResources.schema_sql, as: UTF8.self)

    /// Every step, first to last. A new one is one file of this folder, named in Package.swift, and one line here.
    package static let all: [Migration] = [
        Migration(number: 1, name: "initial", sql: String(decoding: PackageResources.V0001_initial_sql, as: UTF8.self)),
        Migration(
            number: 2, name: "public_views",
            sql: String(decoding: PackageResources.V0002_public_views_sql, as: UTF8.self)),
        Migration(
            number: 3, name: "bitfield_checksum",
            sql: String(decoding: PackageResources.V0003_bitfield_checksum_sql, as: UTF8.self)),
        Migration(
            number: 4, name: "file_ownership",
            sql: String(decoding: PackageResources.V0004_file_ownership_sql, as: UTF8.self)),
        Migration(number: 5, name: "queue", sql: String(decoding: PackageResources.V0005_queue_sql, as: UTF8.self)),
        Migration(
            number: 6, name: "seed_time", sql: String(decoding: PackageResources.V0006_seed_time_sql, as: UTF8.self)),
        Migration(
            number: 7, name: "path_index", sql: String(decoding: PackageResources.V0007_path_index_sql, as: UTF8.self)),
        Migration(
            number: 8, name: "host_ban", sql: String(decoding: PackageResources.V0008_host_ban_sql, as: UTF8.self)),
        Migration(number: 9, name: "move", sql: String(decoding: PackageResources.V0009_move_sql, as: UTF8.self)),
        Migration(number: 10, name: "magnet", sql: String(decoding: PackageResources.V0010_magnet_sql, as: UTF8.self)),
        Migration(number: 11, name: "dht", sql: String(decoding: PackageResources.V0011_dht_sql, as: UTF8.self)),
        Migration(
            number: 12, name: "web_seed", sql: String(decoding: PackageResources.V0012_web_seed_sql, as: UTF8.self)),
        Migration(
            number: 13, name: "destination",
            sql: String(decoding: PackageResources.V0013_destination_sql, as: UTF8.self)),
        Migration(
            number: 14, name: "unusable_metadata",
            sql: String(decoding: PackageResources.V0014_unusable_metadata_sql, as: UTF8.self)),
        Migration(
            number: 15, name: "dht_reach",
            sql: String(decoding: PackageResources.V0015_dht_reach_sql, as: UTF8.self)),
        Migration(
            number: 16, name: "super_seed",
            sql: String(decoding: PackageResources.V0016_super_seed_sql, as: UTF8.self)),
        Migration(number: 17, name: "labels", sql: String(decoding: PackageResources.V0017_labels_sql, as: UTF8.self)),
        Migration(
            number: 18, name: "volumes", sql: String(decoding: PackageResources.V0018_volumes_sql, as: UTF8.self)),
        Migration(number: 19, name: "scrub", sql: String(decoding: PackageResources.V0019_scrub_sql, as: UTF8.self)),
        Migration(number: 20, name: "import", sql: String(decoding: PackageResources.V0020_import_sql, as: UTF8.self)),
        Migration(
            number: 21, name: "error_code",
            sql: String(decoding: PackageResources.V0021_error_code_sql, as: UTF8.self)),
    ]
}
