/// Hands items to a thread that works on them while the next ones are made, so that two cores share the work.
package struct HandOver<Item: Sendable, Result: Sendable>: Sendable {
    /// The number of items that change threads at a time.
    private static var batch: Int { 512 }
    /// The number of batches that may wait, so that memory stays small where the taker is slower.
    private static var mostWaiting: Int { 4 }

    private struct Shared {
        /// `nil` while the other thread adds to it.
        var result: Result?
        var batches: [[Item]] = []
        var isOver = false
    }

    private let take: @Sendable (inout Result, Item) -> Void

    /// `take` adds an item to the result; it runs on the other thread.
    package init(_ take: @escaping @Sendable (inout Result, Item) -> Void) { self.take = take }

    /// Calls `make` with a function that hands an item over, and returns when all items are part of the result.
    /// `empty` stands in for the result meanwhile, and stays when `make` throws.
    ///
    /// Where no thread can be started, this one does everything.
    package func run<Failure: Error>(
        adding result: inout Result, empty: Result, _ make: ((Item) -> Void) throws(Failure) -> Void
    ) throws(Failure) {
        // The other thread must hold the only reference to the memory, or its first change would copy all of it.
        let whole = result
        result = empty
        let shared = Monitor(Shared(result: consume whole))
        let thread: SystemThread
        do {
            thread = try SystemThread.startJoinable { addAll(shared) }
        } catch {
            result = taken(shared)
            return try make { take(&result, $0) }
        }
        var items: [Item] = []
        func send() {
            shared.wait { $0.batches.count < Self.mostWaiting ? () : nil }
            shared.change {
                $0.batches.append(items)
                return .all
            }
            items = []
        }
        let outcome: Swift.Result<Void, Failure>
        do throws(Failure) {
            try make { item in
                items.append(item)
                if items.count == Self.batch { send() }
            }
            send()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        shared.change {
            $0.isOver = true
            return .all
        }
        thread.join()
        try outcome.get()
        result = taken(shared)
    }

    /// Adds the items of all batches, until there are none and no more will come.
    private func addAll(_ shared: Monitor<Shared>) {
        var result = taken(shared)
        while let items = shared.wait({ Self.next(&$0) }) {
            shared.change { _ in .all }
            for item in items { take(&result, item) }
        }
        shared.change {
            $0.result = result
            return .nothing
        }
    }

    /// The next batch; inside, `nil` means that it is still to come, and `.some(nil)` that there is none.
    private static func next(_ shared: inout Shared) -> [Item]?? {
        if !shared.batches.isEmpty { return shared.batches.removeFirst() }
        return shared.isOver ? .some(nil) : nil
    }

    private func taken(_ shared: Monitor<Shared>) -> Result {
        shared.wait { shared in
            defer { shared.result = nil }
            return shared.result
        }
    }
}
