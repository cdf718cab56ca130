import Store
import Torrent

extension Checkup {
    /// The DHT of a running engine. Without one, there is nothing to see.
    func dht() throws -> [Diagnosis] {
        let status = try DHTStatus(engine, connection, now: now)
        guard status.isRunning else { return [] }
        guard let problem = status.problem else { return [.fine(.dht, status.sentence)] }
        return [
            .notice(
                .dht, "the DHT has too few nodes: \(problem.printable)",
                "`pieces dht` shows what it does; trackers and peers aren't affected")
        ]
    }
}
