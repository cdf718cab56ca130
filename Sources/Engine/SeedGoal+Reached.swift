import Store

extension SeedGoal {
    /// What holds for a torrent whose own goal may be ``SeedGoal/standard``.
    func over(_ standard: SeedGoal) -> SeedGoal { self == .standard ? standard : self }

    /// Whether a torrent that was complete since `completion` has seeded enough. `total`: its bytes.
    func isReached(uploaded: Int64, total: Int64, completion: Timestamp, now: Timestamp) -> Bool {
        switch self {
        case .standard, .forever: false
        case .none: true
        case .ratio(let ratio): Double(uploaded) >= ratio * Double(max(total, 1))
        case .time(let time): now - completion >= time
        }
    }
}
