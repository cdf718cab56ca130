/// URLs as sentences, tables and logs may show them: without the password that stands before the `@`.
package enum MaskedURL {
    /// The URL with `***` in the place of its password, or of a user name that stands alone, which is a password then.
    package static func text(_ url: String) -> String {
        let start = url.end(of: "://") ?? url.startIndex
        let rest = url[start...]
        guard let at = atSign(in: rest) else { return url }
        let user = rest[..<at].firstIndex(of: ":").map { rest[...$0] } ?? ""
        return url[..<start] + user + "***" + url[at...]
    }

    /// The `@` that ends the user and the password.
    private static func atSign(in rest: Substring) -> String.Index? {
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { return at }
        // A password with an unescaped `/`: what follows the colon is no port.
        guard let colon = authority.firstIndex(of: ":"), authority.first != "[" else { return nil }
        let port = authority[authority.index(after: colon)...]
        return port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? nil : rest.lastIndex(of: "@")
    }
}

extension String {
    /// The index behind the first occurrence of `text`.
    fileprivate func end(of text: String) -> Index? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
