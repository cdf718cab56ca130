import NIOCore
import TrackerWire

/// One request to a UDP tracker, which is tried at the tracker's addresses in turn. It belongs to the actor that made
/// it.
final class UDPTrackerRequest {
    typealias Outcome = Result<UDPTrackerMachine.Answer, TrackerError>

    let number: UInt64
    let question: UDPTrackerMachine.Question
    let continuation: CheckedContinuation<Outcome, Never>
    /// The addresses that haven't been tried yet.
    var addresses: ArraySlice<SocketAddress> = []
    var attempt: Attempt?
    var timer: Scheduled<Void>?

    init(_ number: UInt64, _ question: UDPTrackerMachine.Question, _ continuation: CheckedContinuation<Outcome, Never>)
    {
        self.number = number
        self.question = question
        self.continuation = continuation
    }

    /// A try of the request at one address.
    final class Attempt {
        let remote: SocketAddress
        var machine: UDPTrackerMachine
        /// The response that the request is waiting for.
        var exchange: Exchange?

        init(_ remote: SocketAddress, _ machine: consuming UDPTrackerMachine) {
            self.remote = remote
            self.machine = machine
        }
    }

    /// Identifies a response by its sender and its transaction ID.
    struct Exchange: Hashable {
        let remote: SocketAddress
        let transaction: UInt32
    }
}
