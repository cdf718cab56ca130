extension String {
    /// The URL without its password, for terminals, logs and JSON.
    package var shownURL: String { MaskedURL.text(self).printable }
}
