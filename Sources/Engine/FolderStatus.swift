/// Whether an output folder is present.
package enum FolderStatus: Equatable, Sendable {
    /// One sentence on why the folder can't be reached.
    case away(String)
    /// The identity of the folder's volume; `nil` if the system doesn't report it.
    case there(volume: String?)

    /// How long the result is used before the next check.
    var isBelievedFor: Duration {
        switch self {
        case .away: .seconds(5)
        case .there: .seconds(30)
        }
    }
}
