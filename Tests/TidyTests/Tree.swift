import Foundation
import Testing

/// The repository as text: what the tidy tests read.
struct Tree {
    struct File: Sendable, CustomTestStringConvertible {
        /// Relative to the top of the repository.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var testDescription: String { path }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The files below a folder whose names end in one of the endings, in the order of their paths.
    static func files(below folder: String, endings: [String] = [".swift"]) -> [File] {
        let top = root.appending(path: folder)
        let names = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
        return names.filter { name in endings.contains { name.hasSuffix($0) } }.sorted().compactMap {
            file("\(folder)/\($0)")
        }
    }

    static func file(_ path: String) -> File? {
        guard let data = FileManager.default.contents(atPath: root.appending(path: path).path) else { return nil }
        return File(path: path, text: String(decoding: data, as: UTF8.self))
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// The words of the names in a line of code, in lower case: `isLogUnreliable` is `is`, `log` and `unreliable`.
    static func words(of code: String) -> [String] {
        var words: [String] = []
        var word = ""
        for character in code + " " {
            if !character.isLetter || character.isUppercase {
                if !word.isEmpty { words.append(word.lowercased()) }
                word = ""
            }
            if character.isLetter { word.append(character) }
        }
        return words
    }
}
