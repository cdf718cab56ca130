/// A row of a query's result. Its columns stand beside its properties, in the order in which they are read.
///
/// A new column is added to the migration, to ``columns`` and to the initializer of the one row type that has it.
package protocol Row {
    /// The selected expressions, separated by commas.
    static var columns: String { get }

    /// Reads the columns of the statement's current row. Throws when one of them holds an invalid value.
    init(_ row: Statement) throws(StoreError)
}

extension Row {
    /// Reads the statement's current row.
    static func read(_ row: Statement) throws(StoreError) -> Self {
        let result = try Self(row)
        assert(row.isRead, "\(Self.self) selects more columns than it reads")
        return result
    }
}
