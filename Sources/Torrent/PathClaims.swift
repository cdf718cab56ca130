/// The paths that a torrent's files have taken: no two files at one path, and no file where another has a folder.
///
/// Who comes first in the torrent keeps the name; who comes later is numbered, `name (2).ext`. A folder that is
/// numbered stays one folder for all files below it. Names are equal when their bytes are. A file system that folds
/// case or normalizes names may show one file for two entries; that is found when the file is opened. A claim costs as
/// much as its path is long, whatever other paths there are: no number is tried twice for the same numbered name.
struct PathClaims {
    private struct Place: Hashable {
        /// 32 bits, because a hostile torrent has millions of folders: no document has as many values.
        let folder: Int32
        /// Whether names that differ in Unicode normalization alone are one.
        let folds: Bool
        let name: String

        static func == (one: Place, other: Place) -> Bool {
            one.folder == other.folder && (one.folds ? one.name == other.name : PathText.isSame(one.name, other.name))
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(folder)
            if folds { hasher.combine(name) } else { FileName(name).hash(into: &hasher) }
        }
    }

    /// All numbered names that differ in the number alone, which has so many digits. Long names are cut to have room
    /// for the number, so that different names may have the same numbered ones.
    private struct Series: Hashable {
        let place: Place
        let digits: Int
    }

    private struct Try: Hashable {
        let series: Int
        let number: Int
    }

    /// How many numbered names were made, and how many tries were skipped: what numbering costs.
    private(set) var work = 0
    /// Whether two names in one folder differ in Unicode normalization alone.
    private(set) var hasTwins = false
    private let rule: NameRule
    /// The names that may have a twin, under ``NameRule/bytes``: those with more than ASCII in them.
    private var folded: Set<Place> = []

    private struct Use {
        /// The folder that the torrent gives this name.
        var folder: Int32?
        /// Whether a file or a folder is kept under it.
        var isTaken = false
    }

    /// All names that the torrent has or gets; the folder 0 is the output folder.
    private var uses: [Place: Use] = [:]
    /// What each folder is called in the end.
    private var folderNames = [""]
    /// The number behind the last one that each name got.
    private var nextNumbers: [Place: Int] = [:]
    private var series: [Series: Int] = [:]
    /// The numbers that were tried, and for each a number behind it before which all were tried. A name that was tried
    /// is taken, and stays so.
    private var tried: [Try: Int] = [:]

    init(_ rule: NameRule = .bytes) { self.rule = rule }

    /// The path under which the file is kept: `path`, or one like it that is free.
    mutating func claim(_ path: [String]) -> [String] {
        var result = path
        var folder: Int32 = 0
        for (n, name) in path.dropLast().enumerated() {
            folder = self.folder(name, in: folder)
            let kept = folderNames[Int(folder)]
            if !isOne(kept, name) { result[n] = kept }
        }
        guard let name = path.last else { return path }
        let free = take(place(name, in: folder), isFolder: false)
        if !isOne(free, name) { result[result.count - 1] = free }
        return result
    }

    private mutating func folder(_ name: String, in parent: Int32) -> Int32 {
        let place = place(name, in: parent)
        if let known = uses[place]?.folder { return known }
        folderNames.append(take(place, isFolder: true))
        let new = Int32(folderNames.count - 1)
        uses[place, default: Use()].folder = new
        return new
    }

    /// Takes the name, or the first free number of it.
    private mutating func take(_ place: Place, isFolder: Bool) -> String {
        if takes(place) {
            lookForTwin(of: place)
            return place.name
        }
        var number = nextNumbers[place] ?? 2
        while true {
            let digits = Self.digits(of: number)
            let (stem, dotted) = SafePath.numberedParts(place.name, digits: digits, isFolder: isFolder)
            let series = seriesNumber(stem, dotted, digits, in: place.folder)
            // As long as the number has so many digits.
            while true {
                number = firstUntried(number, series)
                guard Self.digits(of: number) == digits else { break }
                let name = "\(stem) (\(number))\(dotted)"
                work += 1
                tried[Try(series: series, number: number)] = number + 1
                number += 1
                if takes(self.place(name, in: place.folder)) {
                    nextNumbers[place] = number
                    return name
                }
            }
        }
    }

    /// Takes the name where it is free.
    private mutating func takes(_ place: Place) -> Bool {
        let wasTaken = uses[place]?.isTaken ?? false
        if !wasTaken { uses[place, default: Use()].isTaken = true }
        return !wasTaken
    }

    private static func digits(of number: Int) -> Int { String(number).utf8.count }

    private mutating func seriesNumber(_ stem: String, _ dotted: String, _ digits: Int, in folder: Int32) -> Int {
        // No safe name has a zero byte.
        let key = Series(place: place("\(stem)\0\(dotted)", in: folder), digits: digits)
        if let known = series[key] { return known }
        let new = series.count
        series[key] = new
        return new
    }

    /// The first number from this one on that wasn't tried in the series. All that are skipped point to it then.
    private mutating func firstUntried(_ number: Int, _ series: Int) -> Int {
        var skipped: [Int] = []
        var number = number
        while let next = tried[Try(series: series, number: number)] {
            skipped.append(number)
            number = next
        }
        work += skipped.count
        for skipped in skipped { tried[Try(series: series, number: skipped)] = number }
        return number
    }

    private mutating func lookForTwin(of place: Place) {
        guard rule == .bytes, !hasTwins, place.name.utf8.contains(where: { $0 > 0x7f }) else { return }
        hasTwins = !folded.insert(Place(folder: place.folder, folds: true, name: place.name)).inserted
    }

    private func place(_ name: String, in folder: Int32) -> Place {
        Place(folder: folder, folds: rule == .first, name: name)
    }

    private func isOne(_ one: String, _ other: String) -> Bool {
        rule == .first ? one == other : PathText.isSame(one, other)
    }
}
