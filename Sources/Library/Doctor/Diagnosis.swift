/// One thing that the doctor looked at.
package struct Diagnosis: Equatable {
    package enum Severity: String {
        /// As it should be.
        case fine
        /// Worth knowing; nothing is lost.
        case notice
        /// Something doesn't work, or soon won't.
        case problem
    }

    /// What was looked at, one word for scripts.
    package enum Area: String, CaseIterable {
        case program, database, backups, engine, torrents, volumes, files, ports, trackers, clock, limits
    }

    package let area: Area
    package let severity: Severity
    package let sentence: String
    /// What to do about it; with a notice or a problem.
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
