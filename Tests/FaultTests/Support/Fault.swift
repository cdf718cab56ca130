// Room: FaultTests.
// Duty: shows what the real program does when it is killed at any call that changes something, and when any call fails.
// Owns: the processes, folders and small volumes of its tests.
// Never: believes the program about its own state: what is claimed is read from a copy of the database and hashed by
// the test. Invariants: after every death each claimed bit hashes right; a failing run prints the line that replays it.

import SystemPackage

/// One rule for the library `FaultShim` that is loaded into the program; its header says what the words mean.
struct Fault: Sendable, Hashable, CustomStringConvertible {
    enum Action: Sendable, Hashable {
        case killBefore, killAfter, tear, short, interrupted, lose
        case fail(Errno)
    }

    /// How many calls it concerns.
    enum Extent: Sendable, Hashable {
        case times(Int), forever
    }

    /// The call, `*` for any that changes something.
    var call = "*"
    /// Whose file; `*` for any.
    var place = "*"
    var nth = 1
    var extent = Extent.times(1)
    var action: Action
    /// Calls count from the moment when this file is there.
    var after: FilePath?
    /// It holds until this file is there.
    var until: FilePath?
    /// It holds while this file is there.
    var during: FilePath?

    var description: String {
        var fields = ["call=\(call)", "path=\(place)", "nth=\(nth)", "do=\(word)"]
        switch extent {
        case .times(let count): fields.append("times=\(count)")
        case .forever: fields.append("times=forever")
        }
        if let after { fields.append("after=\(after)") }
        if let until { fields.append("until=\(until)") }
        if let during { fields.append("while=\(during)") }
        return fields.joined(separator: ";")
    }

    private var word: String {
        switch action {
        case .killBefore: "kill-before"
        case .killAfter: "kill-after"
        case .tear: "tear"
        case .short: "short"
        case .interrupted: "eintr"
        case .lose: "lose"
        case .fail(let error): "errno:\(error.rawValue)"
        }
    }
}

extension Fault.Action {
    var isDeath: Bool { [.killBefore, .killAfter, .tear].contains(self) }
}
