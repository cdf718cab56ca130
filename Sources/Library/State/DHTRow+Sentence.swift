package import Store

extension DHTRow {
    /// Why other nodes aren't answered, in one sentence that says what to do; `nil` if they are.
    package var readOnlySentence: String? {
        switch readOnly {
        case nil: nil
        case .set: "read-only, as the settings say: other nodes get no answers"
        case .unreachable:
            "read-only, because other nodes can't reach us: let UDP pass"
                + (port.map { " at port \($0)" } ?? "") + " to help the DHT"
        }
    }
}
