import Torrent

/// The pieces of one row of the table `bitfield`, and their changes.
struct BitfieldPage {
    var have = PageBits()
    var opened = PageBits()
    /// When the piece of ``have`` that was verified longest ago was verified; `nil` when there is none.
    var verifiedAt: Timestamp?

    /// The changes that one transaction makes to the page, applied in the order of the fields.
    struct Edit {
        var lost = PageBits()
        var gained = PageBits()
        var closed = PageBits()
        var opened = PageBits()
    }

    var isSilent: Bool { have.isEmpty && opened.isEmpty }

    /// Applies the edit and returns the change of the population of ``have``.
    mutating func apply(_ edit: Edit, at moment: Timestamp) -> Int {
        let before = have.population
        have.subtract(edit.lost)
        if have.isEmpty { verifiedAt = nil }
        if !edit.gained.isEmpty {
            have.formUnion(edit.gained)
            verifiedAt = min(verifiedAt ?? moment, moment)
        }
        opened.subtract(edit.gained)
        opened.subtract(edit.closed)
        opened.formUnion(edit.opened)
        return have.population - before
    }

    /// All pieces of `verified` were read back and found good. The page's time moves only if `verified` covers all its
    /// pieces, because the page is as old as its oldest piece.
    mutating func confirm(_ verified: PageBits, at moment: Timestamp) {
        if !have.isEmpty, have.isSubset(of: verified) { verifiedAt = moment }
    }
}

extension [Int: BitfieldPage.Edit] {
    /// Adds pieces to one set of the edits of their pages.
    mutating func add(_ pieces: [PieceIndex], to set: WritableKeyPath<BitfieldPage.Edit, PageBits>) {
        for piece in pieces {
            let (page, bit) = PageBits.place(piece)
            self[page, default: BitfieldPage.Edit()][keyPath: set].insert(bit)
        }
    }
}
