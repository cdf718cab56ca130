package import SystemPackage

/// Converts between `FilePath`, which holds the bytes of a path, and ``PathText``.
///
/// This program doesn't use `FilePath.string`, `description` or `FilePath.init(_: String)`: the first two replace bytes
/// that aren't UTF-8, and the initializer doesn't understand escapes.
extension FilePath {
    /// Creates the path with this ``PathText``.
    package init(text: String) {
        self = PathText.withCString(text) { FilePath(platformString: $0) }
    }

    /// The ``PathText`` of the path.
    package var text: String { withPlatformString { PathText.text(cString: $0) } }

    /// The path of the file called `name` in this folder.
    package func appending(name: String) -> FilePath { appending(FilePath(text: name).components) }

    /// The path with `suffix` appended to its last name.
    package func extended(by suffix: String) -> FilePath { FilePath(text: text + suffix) }
}

extension FilePath.Component {
    /// The ``PathText`` of the name.
    package var text: String { withPlatformString { PathText.text(cString: $0) } }
}
