package import Torrent

/// How the torrent's files lie among its pieces, and which of them the user selected.
package struct PayloadFiles: Sendable {
    package let geometry: Geometry
    let layout: FileLayout
    private let selection: FileSelection
    /// Pieces that aren't fetched until the user says so, because their bytes on the disk are kept.
    private let withheld: Bitfield?

    package init(
        _ layout: FileLayout, selection: FileSelection, geometry: Geometry, withheld: Bitfield? = nil
    ) {
        self.layout = layout
        self.selection = selection
        self.geometry = geometry
        self.withheld = withheld
    }

    /// The pieces of the selected files, without those that are withheld.
    package var wantedPieces: Bitfield {
        let wanted = selection.wantedPieces(geometry: geometry)
        return withheld.map { wanted.subtracting($0) } ?? wanted
    }

    /// The number of bytes of selected files in the pieces.
    package func wantedBytes(in pieces: Bitfield) -> Int64 { selection.bytes(in: pieces, geometry: geometry) }

    /// The bytes in `present` of each file that one of `pieces` touches.
    func bytes(touchedBy pieces: [PieceIndex], in present: Bitfield) -> [Claim.FileBytes] {
        layout.files(touchedBy: pieces, geometry: geometry).map {
            Claim.FileBytes(file: $0, completed: layout.bytes(of: $0, in: present, geometry: geometry))
        }
    }
}
