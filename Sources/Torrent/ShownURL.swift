extension String {
    /// A URL as a terminal, a log or JSON may have it: without its password.
    package var shownURL: String { MaskedURL.text(self).printable }
}
