/// The order in which pieces are requested.
///
/// To add a policy, add its case here and its choice in `Requester.newPiece` and
/// ``PiecePicker/upcoming(_:_:)``.
package enum PickingPolicy: String, Sendable, CaseIterable {
    /// The rarest piece that the peer has, at random among equals; the first few at random (BEP 3).
    case rarestFirst
    /// The first missing piece that the peer has.
    case sequential
}
