import NIOCore
import TrackerWire

/// One question to a UDP tracker on its way through the tracker's addresses; it belongs to the actor that made it.
final class UDPTrackerRequest {
    typealias Outcome = Result<UDPTrackerMachine.Answer, TrackerError>

    let number: UInt64
    let question: UDPTrackerMachine.Question
    let continuation: CheckedContinuation<Outcome, Never>
    /// The addresses that have not been tried.
    var addresses: ArraySlice<SocketAddress> = []
    var attempt: Attempt?
    var timer: Scheduled<Void>?

    init(_ number: UInt64, _ question: UDPTrackerMachine.Question, _ continuation: CheckedContinuation<Outcome, Never>)
    {
        self.number = number
        self.question = question
        self.continuation = continuation
    }

    /// The question at one address.
    final class Attempt {
        let remote: SocketAddress
        let socket: any Channel
        var machine: UDPTrackerMachine
        /// What is waited for.
        var exchange: Exchange?

        init(_ remote: SocketAddress, _ socket: any Channel, _ machine: consuming UDPTrackerMachine) {
            self.remote = remote
            self.socket = socket
            self.machine = machine
        }
    }

    /// How an answer is told from noise: by whom it comes from, and the transaction that it names.
    struct Exchange: Hashable {
        let remote: SocketAddress
        let transaction: UInt32
    }
}
