import SystemPackage

/// A `FilePath` holds the bytes of a path. Its own text (`string`, `description`) repairs what isn't UTF-8, and its `init(_: String)` takes text
/// for bytes, so that neither is used: these are.
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
