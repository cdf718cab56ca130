import Synchronization

/// The settings in force, some of which may change while the engine runs.
final class CurrentSettings: Sendable {
    private let settings: Mutex<EngineSettings>

    init(_ settings: EngineSettings) { self.settings = Mutex(settings) }

    var value: EngineSettings { settings.withLock { $0 } }

    func adopt(_ changed: EngineSettings) { settings.withLock { $0.adopt(changed) } }
}

extension EngineSettings {
    /// Takes over what may change while an engine runs. All other settings need a new engine.
    fileprivate mutating func adopt(_ changed: EngineSettings) {
        downloadLimit = changed.downloadLimit
        uploadLimit = changed.uploadLimit
        alternativeLimits = changed.alternativeLimits
        maximumPeers = changed.maximumPeers
        slots = changed.slots
        seedGoal = changed.seedGoal
    }
}
