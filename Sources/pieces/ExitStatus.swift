import Library

/// The exit codes of the program, which the help of `pieces` lists.
enum ExitStatus: Int32, Error {
    case done = 0
    case failed = 1
    /// The download is incomplete, or a verification found damage.
    case incomplete = 2
    /// `EX_USAGE` of sysexits.h.
    case usage = 64
    /// The code that shells report for a process that SIGINT ended: 128 plus the signal's number.
    case interrupted = 130
}

extension Failure {
    /// The exit code for this failure.
    var status: ExitStatus {
        switch kind {
        case .failed: .failed
        case .damaged: .incomplete
        case .usage: .usage
        }
    }
}
