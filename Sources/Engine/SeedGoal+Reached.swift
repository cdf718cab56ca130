import Store

extension SeedGoal {
    /// What holds for a torrent whose own goal may be ``SeedGoal/standard``.
    func over(_ standard: SeedGoal) -> SeedGoal { self == .standard ? standard : self }

    /// Whether a complete torrent has seeded enough. `wanted`: the bytes of its wanted files, which a ratio is relative
    /// to, so that a torrent whose payload was adopted and never downloaded has one, too.
    func isReached(uploaded: Int64, wanted: Int64, seedTime: Duration) -> Bool {
        switch self {
        case .standard, .forever: false
        case .none: true
        case .ratio(let ratio): Double(uploaded) >= ratio * Double(max(wanted, 1))
        case .time(let time): seedTime >= time
        }
    }
}
