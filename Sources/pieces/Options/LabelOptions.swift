import ArgumentParser
import Library
import Torrent

/// The option of commands that choose torrents by their labels.
struct LabelOptions: ParsableArguments {
    @Option(
        name: .customLong("label"), parsing: .singleValue,
        help: ArgumentHelp("Only torrents with this label; if repeated, with all of them.", valueName: "name"),
        completion: TorrentCompletion.labels, transform: { try Library.labelName($0) })
    var names: [String] = []

    /// The labels in a sentence.
    var words: String {
        let quoted = names.map { "“\($0.printable)”" }.joined(separator: " and ")
        return "the label\(names.count == 1 ? "" : "s") \(quoted)"
    }
}
