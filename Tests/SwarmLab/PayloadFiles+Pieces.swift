package import Swarm
package import Torrent

extension PayloadFiles {
    /// A payload with one file for each piece, so that any pieces can be wanted.
    package static func onePerPiece(_ geometry: Geometry, wanted: Bitfield) -> PayloadFiles {
        let entries = geometry.pieces.map { piece in
            FileEntry(path: ["\(piece)"], length: Int64(geometry.length(of: piece)))
        }
        guard let layout = FileLayout(files: entries),
            let selection = FileSelection(layout: layout, wanted: geometry.pieces.map { wanted[$0] })
        else { preconditionFailure("the files have names and lengths") }
        return PayloadFiles(layout, selection: selection, geometry: geometry)
    }
}
