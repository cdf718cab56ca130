/// Why a use case failed: one sentence, and the kind of failure.
package struct Failure: Error, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The operation could not be done.
        case failed
        /// The file that the operation works on is damaged.
        case damaged
        /// The request can't be right.
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
