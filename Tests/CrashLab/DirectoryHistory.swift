/// The names of one directory: what is durable, and what came and went since.
struct DirectoryHistory: Sendable {
    private struct Change: Sendable {
        let number: Int
        /// What each name is from now on; `nil` when it went.
        let names: [String: Node?]
    }

    private(set) var durable: [String: Node]
    private var changes: [Change] = []

    init(_ names: [String: Node] = [:]) { durable = names }

    mutating func add(_ number: Int, _ name: String, _ node: Node) {
        changes.append(Change(number: number, names: [name: node]))
    }
    mutating func remove(_ number: Int, _ name: String) { changes.append(Change(number: number, names: [name: nil])) }
    mutating func rename(_ number: Int, _ node: Node, from old: String, to new: String) {
        changes.append(Change(number: number, names: [old: nil, new: node]))
    }

    /// What came before `began` is durable.
    mutating func sync(began: Int) {
        let synced = changes.prefix { $0.number < began }
        for change in synced { Self.apply(change, to: &durable) }
        changes.removeFirst(synced.count)
    }

    /// Each name is as it was at some moment since the last sync, whatever the others are: more than a journal allows.
    /// Names between which a file was renamed are all as at one moment.
    func after(_ cut: Cut, _ node: Node) -> [String: Node] {
        guard !changes.isEmpty, cut.names != .lost else { return durable }
        var names = durable
        for (number, changes) in groups.enumerated() {
            for change in changes.prefix(cut.reached(cut.names, of: changes.count, -node.number, number + 1)) {
                Self.apply(change, to: &names)
            }
        }
        return names
    }

    private static func apply(_ change: Change, to names: inout [String: Node]) {
        for (name, node) in change.names { names[name] = node }
    }

    /// The changes of names that have nothing to do with each other, in an order that only depends on the names.
    private var groups: [[Change]] {
        var groups: [(names: Set<String>, changes: [Change])] = []
        for change in changes {
            var joined = (names: Set(change.names.keys), changes: [Change]())
            for group in groups where !group.names.isDisjoint(with: joined.names) {
                joined.names.formUnion(group.names)
                joined.changes += group.changes
            }
            groups.removeAll { !$0.names.isDisjoint(with: joined.names) }
            joined.changes = joined.changes.sorted { $0.number < $1.number } + [change]
            groups.append(joined)
        }
        return groups.sorted { ($0.names.min() ?? "") < ($1.names.min() ?? "") }.map(\.changes)
    }
}
