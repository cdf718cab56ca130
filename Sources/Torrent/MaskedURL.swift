/// Masks the password before the `@` of a URL, for messages, tables and logs.
package enum MaskedURL {
    /// The URL with `***` in place of its password. A user name without a password is masked too, because it acts as
    /// one.
    package static func text(_ url: String) -> String {
        let start = url.end(of: "://") ?? url.startIndex
        let rest = url[start...]
        guard let at = atSign(in: rest) else { return url }
        let user = rest[..<at].firstIndex(of: ":").map { rest[...$0] } ?? ""
        return url[..<start] + user + "***" + url[at...]
    }

    /// The index of the `@` after the user name and password.
    private static func atSign(in rest: Substring) -> String.Index? {
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { return at }
        // Handles a password with an unescaped `/`: the text after the colon is not a port.
        guard let colon = authority.firstIndex(of: ":"), authority.first != "[" else { return nil }
        let port = authority[authority.index(after: colon)...]
        return port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? nil : rest.lastIndex(of: "@")
    }
}

extension String {
    /// The index after the first occurrence of `text`.
    fileprivate func end(of text: String) -> Index? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
