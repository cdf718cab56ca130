/// Gives each file of a torrent a path of its own, so that no two files share a path and no file has the path of a
/// folder.
///
/// The first file or folder with a name keeps it; later ones are numbered, as in `name (2).ext`. A folder that is
/// numbered stays one folder for all files below it. Names are equal if their bytes are equal. A file system that folds
/// case or normalizes names may map two entries to one file; that is detected when the file is opened. The cost of a
/// claim is proportional to the length of its path, whatever the other paths are: no number is tried twice for the same
/// numbered name.
package struct PathClaims {
    private struct Place: Hashable {
        /// The folder's number. 32 bits are enough, because no document has as many values, and they save memory,
        /// because a hostile torrent can have millions of folders.
        let folder: Int32
        /// Whether names that differ only in Unicode normalization are equal.
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

    /// All numbered names that differ only in the number, which has `digits` digits. Long names are cut to make room
    /// for the number, so different names may share a series.
    private struct Series: Hashable {
        let place: Place
        let digits: Int
    }

    private struct Try: Hashable {
        let series: Int
        let number: Int
    }

    /// The cost of numbering: the numbered names that were made, plus the tries that were skipped.
    package private(set) var work = 0
    /// Whether two names in one folder differ only in Unicode normalization.
    package private(set) var hasTwins = false
    private let rule: NameRule
    /// The names that may have such a twin, under ``NameRule/bytes``: those with non-ASCII characters.
    private var folded: Set<Place> = []

    private struct Use {
        /// The number of the folder that has this name in the torrent.
        var folder: Int32?
        /// Whether a file or folder is stored under this name.
        var isTaken = false
    }

    /// All names that occur in the torrent or were assigned. Folder 0 is the output folder.
    private var uses: [Place: Use] = [:]
    /// The final name of each folder.
    private var folderNames = [""]
    /// The number after the last one that each name was given.
    private var nextNumbers: [Place: Int] = [:]
    private var series: [Series: Int] = [:]
    /// The numbers that were tried. Each maps to a later number; all numbers before that one were tried too. A name
    /// that was tried is taken, and stays taken.
    private var tried: [Try: Int] = [:]

    package init(_ rule: NameRule = .bytes) { self.rule = rule }

    /// Returns the path for the file: `path`, or a similar path that is free.
    package mutating func claim(_ path: [String]) -> [String] {
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

    /// Takes the name, or its first free numbered form.
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
            // Loops while the number has `digits` digits.
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

    /// Takes the name if it is free, and returns whether it was.
    private mutating func takes(_ place: Place) -> Bool {
        let wasTaken = uses[place]?.isTaken ?? false
        if !wasTaken { uses[place, default: Use()].isTaken = true }
        return !wasTaken
    }

    private static func digits(of number: Int) -> Int { String(number).utf8.count }

    private mutating func seriesNumber(_ stem: String, _ dotted: String, _ digits: Int, in folder: Int32) -> Int {
        // A safe name never contains a zero byte, so the separator is unambiguous.
        let key = Series(place: place("\(stem)\0\(dotted)", in: folder), digits: digits)
        if let known = series[key] { return known }
        let new = series.count
        series[key] = new
        return new
    }

    /// The first number from `number` on that wasn't tried in the series. All skipped numbers are made to point to the
    /// result.
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
