/// Reads rows by their types. A query begins at its FROM, because the row type has the columns.
extension Connection {
    /// All rows of the query.
    package func fetchAll<Result: Row>(_ query: String, _ values: any SQLValue..., as type: Result.Type = Result.self)
        throws(StoreError) -> [Result]
    {
        let statement = try select(type, query, values)
        defer { statement.reset() }
        var rows: [Result] = []
        while try statement.step() { rows.append(try Result.read(statement)) }
        return rows
    }

    /// The first row of the query; `nil` if there is none.
    package func fetchOne<Result: Row>(_ query: String, _ values: any SQLValue..., as type: Result.Type = Result.self)
        throws(StoreError) -> Result?
    {
        let statement = try select(type, query, values)
        defer { statement.reset() }
        return try statement.step() ? try Result.read(statement) : nil
    }

    /// The rows of the query without those that hold an invalid value, which ``takeRowFaults()`` reports.
    package func fetchValid<Result: Row>(_ query: String, _ values: any SQLValue..., as type: Result.Type = Result.self)
        throws(StoreError) -> [Result]
    {
        let statement = try select(type, query, values)
        defer { statement.reset() }
        var rows: [Result] = []
        while try statement.step() {
            if let row = try statement.sound(Result.read) { rows.append(row) }
        }
        return rows
    }

    /// The first row of the query; `nil` if there is none, or if it holds an invalid value.
    package func fetchFirstIfValid<Result: Row>(
        _ query: String, _ values: any SQLValue..., as type: Result.Type = Result.self
    ) throws(StoreError) -> Result? {
        let statement = try select(type, query, values)
        defer { statement.reset() }
        return try statement.step() ? try statement.sound(Result.read) : nil
    }

    /// The first column of all rows; `sql` is a whole query.
    package func values<Value: SQLValue>(_ sql: String, _ values: any SQLValue..., as type: Value.Type = Value.self)
        throws(StoreError) -> [Value]
    {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        var found: [Value] = []
        while try statement.step() { found.append(try statement.next(Value.self)) }
        return found
    }

    /// The first column of the first row; `nil` if there is no row. `sql` is a whole query.
    package func value<Value: SQLValue>(_ sql: String, _ values: any SQLValue..., as type: Value.Type = Value.self)
        throws(StoreError) -> Value?
    {
        try value(sql, all: values)
    }

    /// The same, for values whose number is known only at run time.
    func value<Value: SQLValue>(_ sql: String, all values: [any SQLValue]) throws(StoreError) -> Value? {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? try statement.next(Value.self) : nil
    }

    private func select<Result: Row>(_ type: Result.Type, _ query: String, _ values: [any SQLValue]) throws(StoreError)
        -> Statement
    {
        let statement = try prepare("SELECT \(Result.columns) \(query)")
        do throws(StoreError) {
            try statement.bind(values)
        } catch {
            statement.reset()
            throw error
        }
        return statement
    }
}
