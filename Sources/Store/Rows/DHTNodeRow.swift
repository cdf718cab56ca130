package import Torrent

extension AddressFamily: SQLValue {
    /// The number by which the database knows the family: 4 or 6.
    private var number: Int { self == .v4 ? 4 : 6 }

    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        number.bind(to: statement, at: parameter)
    }

    package static func read(from column: OpaquePointer) -> AddressFamily? {
        Int.read(from: column).flatMap { number in allCases.first { $0.number == number } }
    }
}

/// A node of the DHT that answered.
package struct DHTNodeRow: Row, Sendable, Hashable {
    package let family: AddressFamily
    package let address: PeerAddress
    /// 20 bytes.
    package let id: [UInt8]
    package let lastAnswer: Timestamp?
    package let roundTrip: Duration?
    /// Whether it answered in the run that stored it last.
    package let isVerified: Bool

    package init(
        family: AddressFamily, address: PeerAddress, id: [UInt8], lastAnswer: Timestamp?, roundTrip: Duration?,
        isVerified: Bool
    ) {
        self.family = family
        self.address = address
        self.id = id
        self.lastAnswer = lastAnswer
        self.roundTrip = roundTrip
        self.isVerified = isVerified
    }

    package static let columns = "family, address, node_id, last_answer, rtt_ms, verified"

    package init(_ row: Statement) throws(StoreError) {
        family = try row.next()
        address = try row.next()
        id = try row.next()
        lastAnswer = try row.next()
        roundTrip = try row.nextCountIfAny().map { .milliseconds($0) }
        isVerified = try row.next()
    }
}
