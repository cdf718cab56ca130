import Swarm
import Torrent

/// The brain is fed, and what it answers is performed.
extension Client {
    func feed(_ event: (inout Swarm) -> Void) {
        guard isUp else { return }
        event(&swarm)
        perform()
    }

    private func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        let life = life
        while isUp, life == self.life, swarm.hasEffects {
            let effects = swarm.takeEffects()
            if !isWaking { watchDuplicates(effects) }
            for effect in effects {
                effectCount += 1
                if let next = interruptions.first, effectCount >= next.effect, stopReason == .none {
                    interruptions.removeFirst()
                    effectCount = 0
                    if next.how != .cleanStop {
                        isPerforming = false
                        return crash(next.how, next.meddling)
                    }
                    lab.schedule(after: .zero) { [self] in if life == self.life { beginStop(.pause) } }
                }
                perform(effect)
                guard life == self.life else { return }
            }
        }
        isPerforming = false
        guard isUp, life == self.life else { return }
        events += 1
        if events % lab.scenario.checkEvery == 0, let violation = swarm.violations.first {
            lab.fail("client \(number): \(violation)")
        }
        if swarm.isCompleteAndRecorded, swarm.wanted.isFull, swarm.fault == nil, stopReason == .none {
            if plan.stays { isDone = true } else { beginStop(.end) }
        }
        scheduleWake()
    }

    private func scheduleWake() {
        guard let next = swarm.nextWake, wakeAt.map({ next < $0 }) ?? true else { return }
        wakeAt = next
        let life = life
        lab.schedule(at: next) { [self] in
            guard life == self.life, isUp, wakeAt == next else { return }
            wakeAt = nil
            isWaking = true
            feed { $0.wake(now: self.lab.now) }
            isWaking = false
            announceIfDue()
        }
    }

    private func announceIfDue() {
        guard isUp, swarm.isRunning else { return }
        for action in announcer.due(now: lab.unixNow, isHungry: swarm.isHungry) {
            guard let tracker = lab.trackers.first(where: { $0.url == action.url }) else { continue }
            let life = life
            lab.schedule(after: lab.random.duration(20...400)) { [self] in
                guard life == self.life, isUp else { return }
                if let found = tracker.answer(lab.members, using: &lab.random) {
                    announcer.answered(
                        action.url, event: action.event, .init(interval: .seconds(1800), minimumInterval: .seconds(30)),
                        now: lab.unixNow)
                    feed { $0.learn(found, from: .tracker, now: self.lab.now) }
                } else {
                    announcer.failed(action.url, reason: "no answer", retryIn: nil, now: lab.unixNow)
                }
            }
        }
    }
}
