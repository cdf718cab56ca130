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

/// Why a command did not do what it was asked for: one sentence, and how the process ends.
struct Failure: Error, CustomStringConvertible {
    let description: String
    let status: ExitStatus

    init(_ description: String, _ status: ExitStatus = .failed) {
        self.description = description
        self.status = status
    }

    static func usage(_ description: String) -> Failure { Failure(description, .usage) }
}
