/// Why a use case did not do what it was asked for: one sentence, and whose fault it is.
package struct Failure: Error, CustomStringConvertible {
    package enum Kind: Sendable {
        /// It could not be done.
        case failed
        /// What it works on is damaged.
        case damaged
        /// What was asked for can't be right.
        case usage
    }

    package let description: String
    package let kind: Kind

    package init(_ description: String, _ kind: Kind = .failed) {
        self.description = description
        self.kind = kind
    }

    package static func usage(_ description: String) -> Failure { Failure(description, .usage) }
}
