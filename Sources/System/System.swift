// Room: System.
// Duty: the boundary to Linux: system calls that Swift can't import, interrupted calls, threads and their queues, kinds
// of file systems, and the limits of this process, in the terms that users know.
// Owns: the threads that it starts, until they end.
// Never: decides what to do about an error; knows a torrent, a database or a peer.
// Invariants: a call that a signal interrupts is repeated; every result is returned or thrown.

import Glibc
package import SystemPackage

/// Calls until no signal interrupts the call (EINTR); throws every other error.
package func retrying<Count: SignedInteger>(_ call: () -> Count) throws(Errno) -> Count {
    while true {
        let result = call()
        if result != -1 { return result }
        let error = Errno(rawValue: errno)
        if error != .interrupted { throw error }
    }
}

/// The same for calls that return their error number, 0 for success.
package func retryingNumbered(_ call: () -> Int32) throws(Errno) {
    while true {
        let number = call()
        if number == 0 { return }
        if number != EINTR { throw Errno(rawValue: number) }
    }
}
