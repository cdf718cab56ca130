import Engine
package import Store
package import Torrent

/// Shows what is known of the DHT.
extension Library {
    /// The DHT as the database has it.
    package struct DHTStatus {
        /// How old a running engine's report may be.
        private static let lifetime = Duration.seconds(60)

        package let engine: EngineState
        /// What each family's node reported last, IPv4 first.
        package let families: [DHTRow]
        /// The stored nodes, the best first.
        package let nodes: [DHTNodeRow]
        /// Torrents at rest that are due to be announced, up to ``DHTStatus/mostCounted``.
        package let dueCount: Int
        private let now: Timestamp

        /// The most due torrents that are counted.
        package static let mostCounted = 10_000

        init(_ library: Library, now: Timestamp) throws(StoreError) {
            self.now = now
            engine = try library.engine()
            families = try library.connection.dht.rows()
            nodes = try library.connection.dht.nodes()
            dueCount = try library.connection.dht.dueCount(now: now, limit: Self.mostCounted)
        }

        /// Whether the running engine uses the DHT.
        package var isRunning: Bool { families.contains { isCurrent($0) } }

        /// Whether the running engine has just written this.
        package func isCurrent(_ row: DHTRow) -> Bool {
            engine.isRunning && now - row.at <= Self.lifetime && row.at >= engine.since ?? row.at
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
            let current = families.filter { isCurrent($0) }
            let good = current.reduce(0) { $0 + $1.goodNodes }
            if current.contains(where: { $0.problem == nil }) { return "\(Format.count(good)) nodes answer" }
            return current.compactMap(\.problem).first ?? "no node answers"
        }
    }

    package func dht(now: Timestamp) throws(StoreError) -> DHTStatus { try DHTStatus(self, now: now) }
}
