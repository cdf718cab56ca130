/// The most that something which is counted may be.
struct Threshold {
    let what: String
    let most: Int
    let unit: String
    /// What the work costs by design, as the clause behind “though”.
    let why: String

    static let all = [
        residentOfDownload, databaseBytes, callsOfDownload, callsOfVerification, descriptorsOfSeed, threadsOfSeed,
        residentOfSeed,
    ]

    static let databaseBytes = Threshold(
        what: "written to the database and its log, download of 1 GiB", most: 2, unit: "MiB",
        why: "state is a five-hundredth of what it is about")
    static let residentOfDownload = Threshold(
        what: "resident at most, download of 1 GiB", most: 70, unit: "MiB",
        why: "one budget of outstanding bytes bounds the memory of a download")
    static let callsOfDownload = Threshold(
        what: "system calls, download of 1 GiB", most: 32_000, unit: "calls",
        why: "a read takes in three blocks or more, which is 21,845 reads")
    static let callsOfVerification = Threshold(
        what: "system calls, verification of 1 GiB", most: 9_000, unit: "calls",
        why:
            "payload in the page cache is read by 256 KiB, which is 4,096 calls, and as many again are enough for all else"
    )
    static let descriptorsOfSeed = Threshold(
        what: "descriptors, seed of 1,000 torrents", most: 64, unit: "descriptors",
        why: "a torrent that does nothing holds no file open")
    static let threadsOfSeed = Threshold(
        what: "threads, seed of 1,000 torrents", most: 24, unit: "threads",
        why: "threads are for what blocks, and not for torrents")
    static let residentOfSeed = Threshold(
        what: "resident, seed of 1,000 torrents", most: 60, unit: "MiB",
        why: "a torrent that does nothing is a row")
}
