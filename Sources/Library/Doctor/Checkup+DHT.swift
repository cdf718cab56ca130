import Store
import Torrent

extension Checkup {
    /// The DHT of a running engine. Without one, there is nothing to see.
    func dht() throws -> [Diagnosis] {
        let status = try DHTStatus(engine, connection, now: now)
        guard status.isRunning else { return [] }
        guard let problem = status.problem else {
            guard status.isUnreachable else { return [.fine(.dht, status.sentence)] }
            let port = status.families.compactMap(\.port).first.map { " \($0)" } ?? ""
            return [
                .notice(
                    .dht, "no node of the DHT could reach us at UDP port\(port), so we don't answer others",
                    "let UDP pass at that port in the firewall and the router; finding peers isn't affected")
            ]
        }
        return [
            .notice(
                .dht, "the DHT has too few nodes: \(problem.printable)",
                "`pieces dht` shows what it does; trackers and peers aren't affected")
        ]
    }
}
