/// One attack: what it cost the attackers, and what it cost the engine and its good peer.
package struct Outcome: Sendable {
    package let attack: Attack
    package let hosts: Int
    package let isSpread: Bool
    package let spent: Siege.Spent
    /// The engine beside its good peer before the attack, and during it.
    package let alone: EngineWatch.Phase
    package let besieged: EngineWatch.Phase
    package let peakKiB: Int?
    /// Seconds after which a good peer that had hung up served again; a peer is dialled again after 5.
    package let absence: Double?

    /// What a good peer keeps of its rate beside one host, and beside many.
    package static let keptBesideOne = 0.9
    package static let keptBesideMany = 0.5
    /// What the engine may have in memory, and use of a core.
    package static let mostMiB = 100
    package static let mostCPU = 0.6

    /// The part of its rate that the good peer kept.
    package var kept: Double { besieged.rate / alone.rate }

    package static let columns = [
        "attack", "hosts", "MB sent", "connections", "ended", "engine MB said", "good MB/s alone", "besieged", "kept %",
        "CPU % alone", "besieged",
        "MiB at most", "back after s",
    ]

    package var cells: [String] {
        [
            attack.rawValue, isSpread || hosts == 1 ? "\(hosts)" : "\(hosts) of a /24",
            Self.text(Double(spent.sent) / 1e6),
            "\(spent.connections)", "\(spent.ended)", Self.text(Double(spent.received) / 1e6),
            Self.text(alone.rate / 1e6),
            Self.text(besieged.rate / 1e6), Self.text(kept * 100), Self.text(alone.cpu * 100),
            Self.text(besieged.cpu * 100),
            peakKiB.map { "\($0 >> 10)" } ?? "ended", absence.map(Self.text) ?? "",
        ]
    }

    package var line: String { zip(Self.columns, cells).map { "\($0): \($1)" }.joined(separator: ", ") }

    /// What was not as it has to be, a sentence each.
    ///
    /// - Parameter mostCPU: the part of a core that the engine may use; an unoptimized one needs more.
    package func faults(mostCPU: Double = Self.mostCPU) -> [String] {
        guard let peakKiB else { return ["\(attack): the engine ended"] }
        let least = hosts == 1 ? Self.keptBesideOne : Self.keptBesideMany
        var faults: [String] = []
        if kept < least {
            faults.append(
                "the good peer keeps \(Self.text(kept * 100)) % of its rate, and not \(Self.text(least * 100)) %")
        }
        if besieged.cpu > mostCPU { faults.append("the engine uses \(Self.text(besieged.cpu * 100)) % of a core") }
        if peakKiB >> 10 >= Self.mostMiB { faults.append("the engine has \(peakKiB >> 10) MiB in memory") }
        return faults.map { "\(attack) by \(hosts): \($0)" }
    }

    /// With one digit behind the point.
    private static func text(_ value: Double) -> String {
        guard value.isFinite else { return "?" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}

extension Siege {
    /// How long connections are made before a good peer comes, and how long it is waited for.
    private static let settling = Duration.milliseconds(1500)
    private static let patience = Duration.seconds(60)
    /// Bytes that a good peer serves when it is back.
    private static let someBytes = 256 << 10

    /// Attacks for so long.
    ///
    /// - Parameter comeBack: the good peer is to hang up, so that it has to come back when all places are taken; what
    ///   is counted begins when it serves again.
    package static func run(
        _ attack: Attack, hosts: Int, isSpread: Bool = true, strength: Double = 1, seed: UInt64 = 1, at target: Target,
        for time: Duration,
        _ watch: EngineWatch, alone: EngineWatch.Phase, comeBack: (() -> Void)? = nil
    ) -> Outcome {
        watch.forgetPeak()
        let siege = Siege(attack, hosts: hosts, isSpread: isSpread, strength: strength, seed: seed, at: target)
        func go(on time: Duration, until isOver: () -> Bool = { false }) {
            let end = ContinuousClock.now + time
            while ContinuousClock.now < end, !isOver() { siege.step() }
        }
        var absence: Double?
        if let comeBack {
            go(on: settling)
            let gone = watch.mark()
            comeBack()
            go(on: settling)
            let served = watch.mark().served
            go(on: patience) { watch.mark().served >= served + someBytes }
            absence = watch.since(gone).seconds
        }
        let start = watch.mark()
        go(on: time)
        return Outcome(
            attack: attack, hosts: hosts, isSpread: isSpread, spent: siege.spent, alone: alone,
            besieged: watch.since(start), peakKiB: watch.peakKiB,
            absence: absence)
    }
}
