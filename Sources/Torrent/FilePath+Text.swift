import SystemPackage

/// Conversions between `FilePath`, which holds the bytes of a path, and ``PathText``.
///
/// `FilePath.string` and `description` repair what isn't UTF-8, and `FilePath.init(_: String)` doesn't know escapes, so
/// this program uses none of them.
extension FilePath {
    /// The path that has this ``PathText``.
    package init(text: String) {
        self = PathText.withCString(text) { FilePath(platformString: $0) }
    }

    /// The path's ``PathText``.
    package var text: String { withPlatformString { PathText.text(cString: $0) } }

    /// The path of the name in this folder.
    package func appending(name: String) -> FilePath { appending(FilePath(text: name).components) }

    /// The path with more text at its end, in the same folder.
    package func extended(by suffix: String) -> FilePath { FilePath(text: text + suffix) }
}

extension FilePath.Component {
    /// The name's ``PathText``.
    package var text: String { withPlatformString { PathText.text(cString: $0) } }
}
