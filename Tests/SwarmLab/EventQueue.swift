import Swarm
import Torrent

/// What is going to happen, in the order of time; things of the same instant in the order in which they were added.
struct EventQueue {
    private struct Entry {
        let at: Instant
        let number: Int
        let action: () -> Void

        func precedes(_ other: Entry) -> Bool { (at, number) < (other.at, other.number) }
    }

    /// A binary heap, the next at the front.
    private var heap: [Entry] = []
    private var nextNumber = 0

    mutating func add(at instant: Instant, _ action: @escaping () -> Void) {
        heap.append(Entry(at: instant, number: nextNumber, action: action))
        nextNumber += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (at: Instant, action: () -> Void)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.at, first.action) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least])
            { least = child }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.at, first.action)
    }
}
