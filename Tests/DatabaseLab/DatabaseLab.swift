// Room: DatabaseLab.
// Duty: what the tests of Store and of Recovery share: folders, made-up torrents, and looks at what SQLite does.
// Owns: the folders that a test makes through it, until the test ends.
// Never: is part of a product.
// Invariants: a made-up torrent is a function of its seed.

import Glibc
package import Store
package import SystemPackage
import Testing
package import Torrent

package let noon = Timestamp(1_700_000_000)

package func read(_ path: FilePath) throws -> [UInt8] {
    let file = try #require(path.withPlatformString { fopen($0, "r") })
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk.prefix(count) }
    return bytes
}

package func write(_ bytes: some Collection<UInt8>, to path: FilePath) throws {
    let file = try #require(path.withPlatformString { fopen($0, "w") })
    defer { fclose(file) }
    let bytes = Array(bytes)
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}

/// The error that `body` throws.
package func failure(_ body: () throws -> Void) throws -> StoreError {
    try #require(throws: StoreError.self, performing: body)
}

package func pieces(_ numbers: some Sequence<Int>) -> [PieceIndex] { numbers.map { PieceIndex($0) } }
