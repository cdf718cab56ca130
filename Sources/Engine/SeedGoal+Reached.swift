package import Store

extension SeedGoal {
    /// Returns the goal that applies, if this is a torrent's own goal and `standard` is the engine's.
    func over(_ standard: SeedGoal) -> SeedGoal { self == .standard ? standard : self }

    /// Whether a complete torrent has seeded enough. A ratio is relative to `wanted`, the bytes of the wanted files, so
    /// that a torrent that was adopted instead of downloaded also has one.
    package func isReached(uploaded: Int64, wanted: Int64, seedTime: Duration) -> Bool {
        switch self {
        case .standard, .forever: false
        case .none: true
        case .ratio(let ratio): Double(uploaded) >= ratio * Double(max(wanted, 1))
        case .time(let time): seedTime >= time
        }
    }
}
