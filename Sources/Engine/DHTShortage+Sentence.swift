import DHT
import Net
import Torrent

extension DHTReport.Shortage {
    /// Why there are too few nodes, in one sentence that says what to do.
    ///
    /// - `closed`: why the socket isn't open. `unsent`: why the last datagram couldn't be sent. `names`: why bootstrap
    ///   names couldn't be resolved.
    func sentence(
        _ family: AddressFamily, goodNodes: Int, port: UInt16, closed: DatagramFailure?, unsent: DatagramFailure?,
        names: String?
    ) -> String {
        switch self {
        case .noSocket:
            guard let closed else { return "no UDP socket is open for \(family.name)" }
            return closed.isPortTaken ? "\(closed): choose another port with --listen-port" : "\(closed)"
        case .noEntry:
            if let unsent { return "datagrams can't be sent: \(unsent.reason)" }
            return names.map { "no node is known, and \($0)" }
                ?? "no node is known: name one with --dht-bootstrap HOST:PORT, or wait for a peer that has one"
        case .noAnswers(let queries):
            if let unsent { return "datagrams can't be sent: \(unsent.reason)" }
            return "none of \(queries) queries was answered: check that the firewall lets UDP pass at port \(port)"
        case .starting:
            if let unsent { return "datagrams can't be sent: \(unsent.reason)" }
            return "the search for nodes has just begun"
        case .fewNodes: return "only \(goodNodes) \(goodNodes == 1 ? "node answers" : "nodes answer") so far"
        }
    }
}
