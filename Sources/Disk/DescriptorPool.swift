import DequeModule
import Glibc
import Synchronization
import Torrent

/// The descriptors that stay open between uses. Those not used for the longest time are closed first.
///
/// The pool may also close a file with unsynced writes: on Linux, `fdatasync` syncs the file whichever descriptor it is
/// called on, and a writeback error that was not reported yet is reported to the next descriptor that is opened and
/// synced (fsync(2)).
package final class DescriptorPool: Sendable {
    struct Key: Hashable, Sendable {
        let torrent: InfoHash
        let file: PayloadFile
    }

    fileprivate struct Entry {
        let descriptor: Descriptor
        /// Whether the descriptor was used since the eviction last passed it.
        var isUsed = false
    }

    fileprivate struct State {
        var entries: [Key: Entry] = [:]
        /// Each key once, in the order in which the eviction looks at them.
        var order: Deque<Key> = []
    }

    /// The most descriptors that the pool keeps, however many the process may open.
    static let maximumLimit = 512

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = min(max(1, limit), Self.maximumLimit) }

    /// A quarter of the descriptors that the process may open; the rest is for peers.
    static var defaultLimit: Int {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else { return maximumLimit }
        return Int(min(limits.rlim_cur / 4, rlim_t(maximumLimit)))
    }

    package var count: Int { state.withLock { $0.entries.count } }

    /// An open descriptor, writable if `writing`; `nil` if the pool has none.
    func descriptor(_ key: Key, writing: Bool) -> Descriptor? {
        state.withLock { state in
            guard let entry = state.entries[key], entry.descriptor.isWritable || !writing else { return nil }
            if !entry.isUsed { state.entries[key]?.isUsed = true }
            return entry.descriptor
        }
    }

    /// Keeps the descriptor in place of an earlier one of the same file.
    func insert(_ descriptor: Descriptor, for key: Key) {
        // Dropped descriptors are closed by their deinit, after the lock is released.
        let dropped: [Descriptor] = state.withLock { state in
            if let old = state.entries.updateValue(Entry(descriptor: descriptor), forKey: key) {
                return [old.descriptor]
            }
            state.order.append(key)
            return state.entries.count > limit ? state.drop(1) : []
        }
        withExtendedLifetime(dropped) {}
    }

    /// Closes the file's descriptor, for example after an error that makes it untrustworthy.
    func remove(_ key: Key) {
        let dropped = state.withLock { state in
            let entry = state.entries.removeValue(forKey: key)
            if entry != nil { state.order.removeAll { $0 == key } }
            return entry?.descriptor
        }
        withExtendedLifetime(dropped) {}
    }

    func removeAll(of torrent: InfoHash) {
        let dropped = state.withLock { state in
            let dropped = state.entries.filter { $0.key.torrent == torrent }
            for key in dropped.keys { state.entries[key] = nil }
            state.order.removeAll { $0.torrent == torrent }
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    /// Closes half of the descriptors when the process has run out of them. Returns whether any were closed.
    func shrink() -> Bool {
        let dropped: [Descriptor] = state.withLock { state in
            state.drop((state.entries.count + 1) / 2)
        }
        return withExtendedLifetime(dropped) { !dropped.isEmpty }
    }
}

extension DescriptorPool.State {
    /// Evicts descriptors by second chance (the clock algorithm): one used since the last pass stays for another round.
    fileprivate mutating func drop(_ count: Int) -> [Descriptor] {
        var dropped: [Descriptor] = []
        while dropped.count < count, let key = order.popFirst() {
            if entries[key]?.isUsed ?? false {
                entries[key]?.isUsed = false
                order.append(key)
            } else if let entry = entries.removeValue(forKey: key) {
                dropped.append(entry.descriptor)
            }
        }
        return dropped
    }
}
