import Swarm
import Torrent

/// A web seed: sends runs of blocks, one after the other, or fails to.
final class WebServer {
    struct Habits: Sendable {
        /// Bytes per second.
        var rate = 500_000
        var latency = Duration.milliseconds(20)
        /// Files that it doesn't have.
        var lacking: Set<Int> = []
        /// Files of which it has another version.
        var changed: Set<Int> = []
        /// How often it breaks off a run, or refuses one.
        var failing = 0.0
        /// Whether it accepts requests and sends nothing.
        var isSilent = false
        /// When it breaks off everything and refuses what comes after; `nil` for never.
        var vanishesAt: Instant?

        static func any(pieces: Int, using random: inout SeededGenerator) -> Habits {
            var habits = Habits()
            habits.rate = Int.random(in: 20_000...3_000_000, using: &random)
            habits.latency = random.duration(1...200)
            for file in 0..<pieces where random.chance(0.1) { habits.lacking.insert(file) }
            if random.chance(0.3) {
                for file in 0..<pieces where random.chance(0.2) { habits.changed.insert(file) }
            }
            if random.chance(0.3) { habits.failing = Double.random(in: 0...0.4, using: &random) }
            habits.isSilent = random.chance(0.1)
            if random.chance(0.2) { habits.vanishesAt = Instant.origin + random.duration(50...20_000) }
            return habits
        }

        static func honest(using random: inout SeededGenerator) -> Habits {
            var habits = Habits()
            habits.rate = Int.random(in: 50_000...3_000_000, using: &random)
            habits.latency = random.duration(1...200)
            if random.chance(0.3) { habits.failing = Double.random(in: 0...0.3, using: &random) }
            return habits
        }
    }

    /// What one client has under way here.
    private struct Work {
        let life: Int
        var runs: [WebSeedRun] = []
        /// The blocks of the first run that were sent.
        var sent = 0
        var isHeld = false
        var isSending = false
    }

    let habits: Habits
    private let lab: Lab
    private var work: [Int: Work] = [:]

    init(_ habits: Habits, lab: Lab) {
        self.habits = habits
        self.lab = lab
    }

    func fetch(_ run: WebSeedRun, _ key: WebSeedKey, for client: Client) {
        if work[client.number]?.life != client.life { work[client.number] = Work(life: client.life) }
        work[client.number]?.runs.append(run)
        send(to: client, key, after: habits.latency)
    }

    func endFetches(for client: Client) { work[client.number] = Work(life: client.life) }

    func readOn(_ key: WebSeedKey, for client: Client) {
        work[client.number]?.isHeld = false
        send(to: client, key, after: .zero)
    }

    private func send(to client: Client, _ key: WebSeedKey, after delay: Duration) {
        guard let state = work[client.number], state.life == client.life, !state.isSending, !state.isHeld,
            !state.runs.isEmpty, !habits.isSilent
        else { return }
        work[client.number]?.isSending = true
        let run = state.runs[0].number
        lab.schedule(after: delay + .seconds(Double(Geometry.blockLength) / Double(habits.rate))) { [self] in
            guard client.isUp, var state = work[client.number], state.life == client.life, state.isSending else {
                return
            }
            state.isSending = false
            work[client.number] = state
            guard state.runs.first?.number == run else { return send(to: client, key, after: .zero) }
            sendBlock(of: state.runs[0], state.sent, to: client, key)
        }
    }

    private func sendBlock(of run: WebSeedRun, _ index: Int, to client: Client, _ key: WebSeedKey) {
        let block = run.blocks[index]
        // The lab has one file for each piece.
        let file = block.piece.value
        let outcome: WebSeedOutcome? =
            if habits.lacking.contains(file) {
                .lacks(file: file, reason: "the lab says so")
            } else if habits.vanishesAt.map({ lab.now >= $0 }) ?? false {
                .failed("it is gone", retryAfter: nil)
            } else if lab.random.chance(habits.failing / Double(run.blocks.count)) {
                .failed("the lab says so", retryAfter: lab.random.chance(0.5) ? .seconds(1) : nil)
            } else {
                nil
            }
        if let outcome {
            work[client.number] = Work(life: client.life)
            return client.feed { $0.fetched(key, run: run.number, outcome, now: self.lab.now) }
        }
        let isLast = index + 1 == run.blocks.count
        if isLast { work[client.number]?.runs.removeFirst() }
        work[client.number]?.sent = isLast ? 0 : index + 1
        let isWrong = habits.changed.contains(file)
        client.receive(block, digest: isWrong ? ~lab.content.digest(block) : lab.content.digest(block), from: key)
        guard client.isUp, work[client.number]?.life == client.life else { return }
        if isLast { client.feed { $0.fetched(key, run: run.number, .finished, now: self.lab.now) } }
        var goesOn = true
        client.feed { goesOn = $0.readEnded(webSeed: key, now: self.lab.now) }
        if !goesOn { work[client.number]?.isHeld = true }
        send(to: client, key, after: .zero)
    }

    /// A client says that a file, or all of them, can't be fetched here.
    func isFoundWanting(file: Int?) {
        let isRight = file.map { habits.lacking.contains($0) || habits.changed.contains($0) } ?? !habits.changed.isEmpty
        if !isRight { lab.fail("a web seed is blamed for file \(file ?? -1), which it has") }
    }
}

extension Client {
    func server(_ key: WebSeedKey) -> WebServer? { servers[key] }

    /// Adds all web seeds to the brain.
    func addServers() {
        servers = [:]
        for server in lab.webServers {
            let key = swarm.add(webSeed: WebSeedState(), now: lab.now)
            servers[key] = server
        }
    }

    func receive(_ block: BlockRef, digest: UInt64, from key: WebSeedKey) {
        lab.report.blocks += 1
        feed { swarm in
            let verdict = swarm.received(
                webSeed: key, piece: block.piece, begin: block.block * Geometry.blockLength,
                length: swarm.geometry.length(of: block), now: self.lab.now)
            guard verdict == .store else { return }
            self.countStored(swarm.geometry.length(of: block))
            self.buffers[block.piece, default: [:]][block.block] = digest
            self.senders[block] = nil
        }
    }
}
