/// What a terminal can show.
package struct Display: Sendable, Hashable {
    /// The columns that text may use; the last column of the terminal stays empty.
    package let width: Int
    /// The maximum number of lines in a live block.
    package let room: Int
    package let speaksUnicode: Bool
    package let hasColour: Bool

    package init(width: Int, room: Int, speaksUnicode: Bool, hasColour: Bool) {
        self.width = width
        self.room = room
        self.speaksUnicode = speaksUnicode
        self.hasColour = hasColour
    }

    /// The text in the colour, or unchanged on a terminal without colours.
    func text(_ text: String, _ colour: Colour?) -> String {
        guard hasColour, let colour else { return text }
        return colour.text(text)
    }
}
