import CSQLite

extension Connection {
    /// Reads a part of a blob without the rest (sqlite.org/c3ref/blob_open.html).
    func blob(table: String, column: String, row: Int64, range: Range<Int>) throws(StoreError) -> [UInt8] {
        var opened: OpaquePointer?
        let result = sqlite3_blob_open(handle, "main", table, column, row, 0, &opened)
        guard result == SQLITE_OK, let blob = opened else {
            throw failure(result, sql: "\(table).\(column) of row \(row)")
        }
        // Closing can fail only for a blob that was written.
        defer { sqlite3_blob_close(blob) }
        guard range.lowerBound >= 0, range.upperBound <= Int(sqlite3_blob_bytes(blob)) else {
            throw fault(
                .corrupt,
                "\(table).\(column) of row \(row) has \(sqlite3_blob_bytes(blob)) bytes, but bytes \(range) were requested: "
                    + "keep a copy of the database and restore a backup")
        }
        var answer = SQLITE_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            // This can't overflow: both bounds are within the blob's size, which is an Int32.
            answer = sqlite3_blob_read(blob, buffer.baseAddress, Int32(range.count), Int32(range.lowerBound))
            count = answer == SQLITE_OK ? range.count : 0
        }
        guard answer == SQLITE_OK else { throw failure(answer, sql: "\(table).\(column) of row \(row)") }
        try requireCurrent()
        return bytes
    }
}
