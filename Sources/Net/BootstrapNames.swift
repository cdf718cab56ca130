import NIOCore
import Synchronization
package import Torrent
import TrackerWire

/// Looks up the names of nodes with which the DHT begins.
package final class BootstrapNames: Sendable {
    package typealias Name = (name: String, port: UInt16)

    private struct State {
        var resolver: HostResolver?
        var problem: String?
        var isShutDown = false
    }

    private let state = Mutex(State())
    private let lookup: HostResolver.Lookup?

    /// `lookup` may block. Only tests replace the default, which asks the system.
    package init(lookup: HostResolver.Lookup? = nil) { self.lookup = lookup }

    /// Why the last look-up found no address at all, in words that can follow "and".
    package var problem: String? { state.withLock(\.problem) }

    /// Calls `body` once with the addresses of each name, on any thread.
    package func resolve(_ names: [Name], _ body: @escaping @Sendable ([[PeerAddress]]) -> Void) {
        let resolver = state.withLock { state -> HostResolver? in
            guard !state.isShutDown, !names.isEmpty else { return nil }
            // Its threads are started with the first name.
            let resolver = state.resolver ?? HostResolver(lookup: lookup)
            state.resolver = resolver
            return resolver
        }
        guard let resolver else { return body(names.map { _ in [] }) }
        let found = Mutex<(addresses: [[PeerAddress]], left: Int, error: String?)>(
            (names.map { _ in [] }, names.count, nil))
        for (n, name) in names.enumerated() {
            resolver.resolve(name.name, port: name.port) { result in
                let all = found.withLock { found -> [[PeerAddress]]? in
                    switch result {
                    case .success(let addresses): found.addresses[n] = addresses.compactMap { PeerAddress($0) }
                    case .failure(let error): found.error = "\(error)"
                    }
                    found.left -= 1
                    return found.left == 0 ? found.addresses : nil
                }
                guard let all else { return }
                let error = found.withLock(\.error)
                self.state.withLock { $0.problem = all.allSatisfy(\.isEmpty) ? error : nil }
                body(all)
            }
        }
    }

    package func shutdown() {
        let resolver = state.withLock { state in
            state.isShutDown = true
            defer { state.resolver = nil }
            return state.resolver
        }
        resolver?.shutdown()
    }
}
