import Library

/// How a process ends; the help of `pieces` lists the numbers.
enum ExitStatus: Int32, Error {
    case done = 0
    case failed = 1
    /// The download is not complete, or a verification found damage.
    case incomplete = 2
    /// `EX_USAGE` of sysexits.h.
    case usage = 64
    /// What shells say of a process that SIGINT ended: 128 and the signal's number.
    case interrupted = 130
}

extension Failure {
    /// How a command ends that failed so.
    var status: ExitStatus {
        switch kind {
        case .failed: .failed
        case .damaged: .incomplete
        case .usage: .usage
        }
    }
}
