package import Store
package import Torrent

/// The DHT as the database has it.
package struct DHTStatus {
    /// How old a running engine's report may be.
    private static let lifetime = Duration.seconds(60)

    package let engine: EngineState
    /// What each family's node reported last, IPv4 first.
    package let families: [DHTRow]
    /// The stored nodes, the best first.
    package let nodes: [DHTNodeRow]
    /// Torrents at rest that are due to be announced, up to ``mostCounted``.
    package let dueCount: Int
    private let now: Timestamp

    /// The most due torrents that are counted.
    package static let mostCounted = 10_000

    package init(_ engine: EngineState, _ connection: Connection, now: Timestamp) throws(StoreError) {
        self.now = now
        self.engine = engine
        families = try connection.dht.rows()
        nodes = try connection.dht.nodes()
        dueCount = try connection.dht.dueCount(now: now, limit: Self.mostCounted)
    }

    /// Whether the running engine uses the DHT.
    package var isRunning: Bool { families.contains { isCurrent($0) } }

    /// Whether the running engine has just written this.
    package func isCurrent(_ row: DHTRow) -> Bool {
        engine.isRunning && now - row.at <= Self.lifetime && row.at >= engine.since ?? row.at
    }

    /// Whether other nodes can't reach the running engine in any family that it uses.
    package var isUnreachable: Bool {
        let open = families.filter { isCurrent($0) && $0.port != nil }
        return !open.isEmpty && open.allSatisfy { $0.readOnly == .unreachable }
    }

    /// What matters most, in one sentence.
    package var sentence: String {
        guard engine.isRunning else {
            return nodes.isEmpty
                ? "no engine is running, and no node is stored: `pieces run` looks for nodes when it starts"
                : "no engine is running; the next one asks the \(Format.count(nodes.count)) stored nodes first"
        }
        guard isRunning else {
            let age = engine.since.map { now - $0 } ?? Self.lifetime
            return age < .seconds(15)
                ? "the engine has just started: ask again in a few seconds"
                : "the running engine doesn't use the DHT: it was started with --no-dht, or the setting `dht` is off"
        }
        if let problem { return problem }
        return "\(Format.count(families.filter { isCurrent($0) }.reduce(0) { $0 + $1.goodNodes })) nodes answer"
    }

    /// Why the running DHT has too few nodes in every family; `nil` if it has enough in one, or isn't running.
    package var problem: String? {
        let current = families.filter { isCurrent($0) }
        guard !current.contains(where: { $0.problem == nil }) else { return nil }
        // A family that this machine doesn't have is the lesser reason.
        return (current.first { $0.port != nil } ?? current.first)?.problem
    }
}
