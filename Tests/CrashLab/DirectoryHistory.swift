/// The names of one directory: what is durable, and what came and went since.
struct DirectoryHistory: Sendable {
    private struct Change: Sendable {
        let number: Int
        let name: String
        /// `nil` when the name went.
        let node: Node?
    }

    private(set) var durable: [String: Node]
    private var changes: [Change] = []

    init(_ names: [String: Node] = [:]) { durable = names }

    mutating func add(_ number: Int, _ name: String, _ node: Node) { changes.append(Change(number: number, name: name, node: node)) }
    mutating func remove(_ number: Int, _ name: String) { changes.append(Change(number: number, name: name, node: nil)) }

    /// What came before `began` is durable.
    mutating func sync(began: Int) {
        let synced = changes.prefix { $0.number < began }
        for change in synced { durable[change.name] = change.node }
        changes.removeFirst(synced.count)
    }

    /// Each name is as it was at some moment since the last sync, whatever the others are: more than a journal allows.
    func after(_ cut: Cut, _ node: Node) -> [String: Node] {
        guard !changes.isEmpty, cut.names != .lost else { return durable }
        var names = durable
        var number = 0
        for (name, changes) in Dictionary(grouping: changes, by: \.name).sorted(by: { $0.key < $1.key }) {
            number += 1
            let reached = cut.reached(cut.names, of: changes.count, -node.number, number)
            if reached > 0 { names[name] = changes[reached - 1].node }
        }
        return names
    }
}
