/// One finding of the doctor.
package struct Diagnosis: Equatable {
    package enum Severity: String {
        /// Everything is in order.
        case fine
        /// The finding is worth knowing, but nothing is lost.
        case notice
        /// Something doesn't work, or will soon stop working.
        case problem
    }

    /// The area of a finding, one word for scripts.
    package enum Area: String, CaseIterable {
        case program, hashing, database, backups, engine, torrents, volumes, files, scrub, ports, trackers, dht, clock
        case limits
    }

    package let area: Area
    package let severity: Severity
    package let sentence: String
    /// What the user can do; present for a notice or a problem.
    package let advice: String?

    static func fine(_ area: Area, _ sentence: String) -> Diagnosis {
        Diagnosis(area: area, severity: .fine, sentence: sentence, advice: nil)
    }

    static func notice(_ area: Area, _ sentence: String, _ advice: String) -> Diagnosis {
        Diagnosis(area: area, severity: .notice, sentence: sentence, advice: advice)
    }

    static func problem(_ area: Area, _ sentence: String, _ advice: String) -> Diagnosis {
        Diagnosis(area: area, severity: .problem, sentence: sentence, advice: advice)
    }
}
