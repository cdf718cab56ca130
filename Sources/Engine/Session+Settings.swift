import Logging

/// Settings that change while the engine runs.
extension Session {
    /// Reads the settings again and applies those that may change while the engine runs: rate limits, connections,
    /// slots and the seeding goal.
    package func reread() async {
        guard let source = environment.settings.source else { return }
        let changed: EngineSettings
        do { changed = try await source() } catch {
            return log.error("could not read the changed settings, so the old ones stay in force: \(error)")
        }
        guard !isStopping else { return }
        adopt(changed)
    }

    private func adopt(_ changed: EngineSettings) {
        var changed = changed
        changed.maximumPeers = Self.peerLimit(changed.maximumPeers)
        let hadGoal = environment.settings.seedGoal
        environment.currentSettings.adopt(changed)
        let isNewGoal = changed.seedGoal != hadGoal
        feed { machine, _ in machine.settingsChanged(slots: changed.slots, isNewGoal: isNewGoal) }
        lookAtSchedule()
        shareOut()
        log.notice("applied the changed settings")
    }
}
