/// The paths that a torrent's files have taken: no two files at one path, and no file where another has a folder.
///
/// Who comes first in the torrent keeps the name; who comes later is numbered, `name (2).ext`. A folder that is numbered
/// stays one folder for all files below it. Names that differ only in Unicode normalisation count as equal, since some
/// file systems do not tell them apart; names that differ in case do not. A claim costs as much as its path is long.
struct PathClaims {
    private struct Place: Hashable {
        let folder: Int
        let name: String
    }

    /// The folders by the name that the torrent gives them; 0 is the output folder.
    private var folders: [Place: Int] = [:]
    /// What each folder is called in the end.
    private var folderNames = [""]
    private var taken: Set<Place> = []
    /// Where the search for a free number goes on, so that many equal names do not cost the square of their count.
    private var nextNumbers: [Place: Int] = [:]

    /// The path under which the file is kept: `path`, or one like it that is free.
    mutating func claim(_ path: [String]) -> [String] {
        var result = path
        var folder = 0
        for (n, name) in path.dropLast().enumerated() {
            folder = self.folder(name, in: folder)
            if folderNames[folder] != name { result[n] = folderNames[folder] }
        }
        guard let name = path.last else { return path }
        let free = take(Place(folder: folder, name: name), isFolder: false)
        if free != name { result[result.count - 1] = free }
        return result
    }

    private mutating func folder(_ name: String, in parent: Int) -> Int {
        let place = Place(folder: parent, name: name)
        if let known = folders[place] { return known }
        folderNames.append(take(place, isFolder: true))
        folders[place] = folderNames.count - 1
        return folderNames.count - 1
    }

    /// Takes the name, or the first free number of it.
    private mutating func take(_ place: Place, isFolder: Bool) -> String {
        if taken.insert(place).inserted { return place.name }
        var number = nextNumbers[place] ?? 2
        while true {
            let name = SafePath.numbered(place.name, number, isFolder: isFolder)
            number += 1
            if taken.insert(Place(folder: place.folder, name: name)).inserted {
                nextNumbers[place] = number
                return name
            }
        }
    }
}
