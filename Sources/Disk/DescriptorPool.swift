import Glibc
import Synchronization
import Torrent

/// The descriptors that stay open between uses, the least recently used closed first.
///
/// A file with unsynced writes may be closed as well: on Linux `fdatasync` is about the file, whichever descriptor it goes through, and an error of
/// writeback that nobody has seen yet is told to the next one who opens the file and syncs it (fsync(2)).
final class DescriptorPool: Sendable {
    struct Key: Hashable, Sendable {
        let torrent: InfoHash
        let file: PayloadFile
    }

    fileprivate struct Entry {
        let descriptor: Descriptor
        var lastUse: UInt64
    }

    fileprivate struct State {
        var entries: [Key: Entry] = [:]
        var clock: UInt64 = 0
    }

    /// The most descriptors that are kept, whatever the process may have: finding the oldest looks at all of them.
    static let maximumLimit = 512
    /// A full pool drops a sixteenth at a time, so that a torrent of very many files doesn't look at all of them for each.
    private static let dropShare = 16

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = min(max(1, limit), Self.maximumLimit) }

    /// A quarter of what the process may open: the rest is for peers.
    static var defaultLimit: Int {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else { return maximumLimit }
        return Int(min(limits.rlim_cur / 4, rlim_t(maximumLimit)))
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// An open descriptor, writable where asked for.
    func descriptor(_ key: Key, writing: Bool) -> Descriptor? {
        state.withLock { state in
            guard let entry = state.entries[key], entry.descriptor.isWritable || !writing else { return nil }
            state.clock += 1
            state.entries[key]?.lastUse = state.clock
            return entry.descriptor
        }
    }

    /// Keeps the descriptor, instead of another one of the same file.
    func insert(_ descriptor: Descriptor, for key: Key) {
        // What is dropped is closed by its deinit, behind the lock.
        let dropped: [Descriptor] = state.withLock { state in
            state.clock += 1
            var dropped: [Descriptor] = []
            if let old = state.entries.updateValue(Entry(descriptor: descriptor, lastUse: state.clock), forKey: key) {
                dropped.append(old.descriptor)
            }
            if state.entries.count > limit { dropped += state.removeOldest(max(state.entries.count - limit, limit / Self.dropShare)) }
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    /// Closes the file's descriptor, as after an error that makes it untrustworthy.
    func remove(_ key: Key) {
        let dropped = state.withLock { $0.entries.removeValue(forKey: key)?.descriptor }
        withExtendedLifetime(dropped) {}
    }

    func removeAll(of torrent: InfoHash) {
        let dropped = state.withLock { state in
            let dropped = state.entries.filter { $0.key.torrent == torrent }
            for key in dropped.keys { state.entries[key] = nil }
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    /// Closes half of the descriptors, when the process has no more of them; whether there were any.
    func shrink() -> Bool {
        let dropped: [Descriptor] = state.withLock { state in
            state.removeOldest((state.entries.count + 1) / 2)
        }
        return withExtendedLifetime(dropped) { !dropped.isEmpty }
    }
}

extension DescriptorPool.State {
    fileprivate mutating func removeOldest(_ count: Int) -> [Descriptor] {
        let oldest = entries.sorted { $0.value.lastUse < $1.value.lastUse }.prefix(count)
        for entry in oldest { entries[entry.key] = nil }
        return oldest.map(\.value.descriptor)
    }
}
