import NIOCore
import Torrent
import TrackerWire

/// Looks up peers that a tracker named by their hosts (BEP 3).
struct NameLookup: Sendable {
    /// How long the names of one answer may take together; those that take longer are left out.
    static let timeout: Duration = .seconds(5)
    /// The most addresses that are taken of one name.
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
