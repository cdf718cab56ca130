/// A path pattern in shell style.
///
/// - `*` matches any characters except `/`, and `?` matches one character except `/`.
/// - `**` matches any characters, and `**/` also matches nothing.
/// - `[a-z]` matches one character of a set, and `[!a-z]` one character outside the set.
/// - `\` makes the next character literal.
/// - A `/` at the end matches everything in the folder.
///
/// Matching is case-sensitive. Patterns and paths are ``PathText``, in which a byte that isn't UTF-8 is one character.
package struct Glob: Sendable {
    private enum Token: Hashable {
        case literal(Character)
        case one
        case oneOf([ClosedRange<Character>], isNegated: Bool)
        /// `*`
        case run
        /// `**`
        case deepRun
        /// `**/` at the beginning of a name.
        case folders
    }

    private let tokens: [Token]
    /// Whether the pattern matches a single name rather than a path.
    let isName: Bool

    package init(_ pattern: String) {
        let names = pattern.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        let characters = Self.characters(names) + (names.count > 1 && names.last == "" ? ["*", "*"] : [])
        isName = !characters.contains("/")
        tokens = Self.tokens(of: characters)
    }

    /// The characters of a path. A combining mark at the beginning of a name stays separate from the `/` before it.
    package static func characters(_ names: some Sequence<String>) -> [Character] {
        Array(names.map { Array($0) }.joined(separator: ["/"]))
    }

    /// Whether the pattern matches the whole `text`; the time doesn't grow exponentially with the number of stars.
    ///
    /// With `exactly`, a character matches only itself; otherwise it also matches canonically equivalent characters
    /// (Unicode normalization).
    ///
    /// On a mismatch, the last `*` takes one more character; if it can't, the last `**` does. Earlier stars don't need
    /// a retry, because a later star of the same kind can take the same characters.
    package func matches(_ text: [Character], exactly: Bool = false) -> Bool {
        var token = 0
        var at = 0
        var run: (token: Int, at: Int)?
        var deepRun: (token: Int, at: Int)?
        while true {
            if token < tokens.count {
                switch tokens[token] {
                case .run:
                    token += 1
                    run = (token, at)
                    continue
                case .deepRun, .folders:
                    deepRun = (token, at)
                    run = nil
                    token += 1
                    continue
                case let single:
                    if at < text.count, Self.matches(single, text[at], exactly) {
                        token += 1
                        at += 1
                        continue
                    }
                }
            } else if at == text.count {
                return true
            }
            if let last = run, last.at < text.count, text[last.at] != "/" {
                run = (last.token, last.at + 1)
                (token, at) = (last.token, last.at + 1)
            } else if let last = deepRun, let next = advanced(last, in: text) {
                deepRun = (last.token, next)
                run = nil
                (token, at) = (last.token + 1, next)
            } else {
                return false
            }
        }
    }

    /// Where to retry the rest of the pattern after a `**`: one character further, or after the next `/`.
    private func advanced(_ last: (token: Int, at: Int), in text: [Character]) -> Int? {
        guard last.at < text.count else { return nil }
        guard tokens[last.token] == .folders else { return last.at + 1 }
        return text[last.at...].firstIndex(of: "/").map { $0 + 1 }
    }

    private static func matches(_ token: Token, _ character: Character, _ exactly: Bool) -> Bool {
        switch token {
        case .literal(let literal): literal == character && (!exactly || literal.utf8.elementsEqual(character.utf8))
        case .one: character != "/"
        case .oneOf(let ranges, let isNegated):
            character != "/" && ranges.contains { $0.contains(character) } != isNegated
        case .run, .deepRun, .folders: false
        }
    }

    private static func tokens(of pattern: [Character]) -> [Token] {
        var tokens: [Token] = []
        var at = 0
        while at < pattern.count {
            let isAtName = at == 0 || pattern[at - 1] == "/"
            let stars = pattern[at...].prefix { $0 == "*" }.count
            if stars == 1 {
                tokens.append(.run)
                at += 1
            } else if stars > 1 {
                let isFolders = isAtName && at + stars < pattern.count && pattern[at + stars] == "/"
                tokens.append(isFolders ? .folders : .deepRun)
                at += stars + (isFolders ? 1 : 0)
            } else if pattern[at] == "?" {
                tokens.append(.one)
                at += 1
            } else if pattern[at] == "[", let (set, end) = set(in: pattern, at: at) {
                tokens.append(set)
                at = end
            } else {
                if pattern[at] == "\\", at + 1 < pattern.count { at += 1 }
                tokens.append(.literal(pattern[at]))
                at += 1
            }
        }
        return tokens
    }

    /// The set that opens at `start`, and the index after it; `nil` if the set is never closed, so that `[` is literal.
    private static func set(in pattern: [Character], at start: Int) -> (Token, end: Int)? {
        var at = start + 1
        let isNegated = at < pattern.count && (pattern[at] == "!" || pattern[at] == "^")
        if isNegated { at += 1 }
        var ranges: [ClosedRange<Character>] = []
        let first = at
        while at < pattern.count, pattern[at] != "]" || at == first {
            if at + 2 < pattern.count, pattern[at + 1] == "-", pattern[at + 2] != "]" {
                // A reversed range is empty.
                if pattern[at] <= pattern[at + 2] { ranges.append(pattern[at]...pattern[at + 2]) }
                at += 3
            } else {
                ranges.append(pattern[at]...pattern[at])
                at += 1
            }
        }
        return at < pattern.count ? (.oneOf(ranges, isNegated: isNegated), at + 1) : nil
    }
}
