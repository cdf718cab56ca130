import NIOCore
import Torrent
import TrackerWire

/// Looks up the addresses of peers for which a tracker gave host names (BEP 3).
struct NameLookup: Sendable {
    /// The time limit for all names of one response together; names that take longer are skipped.
    static let timeout: Duration = .seconds(5)
    /// The maximum number of addresses that are used per name.
    private static let addressesPerName = 4

    let resolver: HostResolver

    func addresses(of names: [NamedPeer]) async -> [PeerAddress] {
        let (answers, continuation) = AsyncStream.makeStream(of: [PeerAddress].self)
        for name in names {
            resolver.resolve(name.host, port: name.port) { result in
                let found = (try? result.get()) ?? []
                continuation.yield(found.compactMap { PeerAddress($0) }.prefix(Self.addressesPerName).map(\.self))
            }
        }
        let limit = Task {
            do { try await Task.sleep(for: Self.timeout) } catch { return }
            continuation.finish()
        }
        defer { limit.cancel() }
        var addresses: [PeerAddress] = []
        var left = names.count
        for await found in answers {
            addresses += found
            left -= 1
            if left == 0 { break }
        }
        return addresses
    }
}
