/// The number of a file's bytes in recorded pieces.
package struct FileBytes: Sendable, Hashable {
    package let index: Int
    package let completed: Int64

    package init(index: Int, completed: Int64) {
        self.index = index
        self.completed = completed
    }
}
