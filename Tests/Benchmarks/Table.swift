import Glibc

/// Rows of numbers below their names, as Markdown has them; a row is printed when it is known.
struct Table {
    private let widths: [Int]

    /// Prints the head; the first column is as wide as its longest cell will be, where that is known.
    init(_ columns: [String], firstWidth: Int = 0) {
        widths = columns.enumerated().map { max($1.count, $0 == 0 ? firstWidth : 0, 8) }
        add(columns)
        add(widths.map { String(repeating: "-", count: $0 - 1) + ":" })
    }

    func add(_ cells: [String]) {
        print(line(cells))
        // It may be minutes until the next one, and a file wouldn't have it until then.
        fflush(nil)
    }

    private func line(_ cells: [String]) -> String {
        "|" + zip(cells, widths).map { " " + String(repeating: " ", count: max(0, $1 - $0.count)) + $0 + " |" }.joined()
    }
}

extension Double {
    /// With so many digits behind the point; of numbers that a clock or a counter can give.
    func text(_ digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let number = Int((self * scale).rounded())
        guard digits > 0 else { return "\(number)" }
        let fraction = "\(abs(number) % Int(scale))"
        return
            "\(number < 0 ? "-" : "")\(abs(number) / Int(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}

extension Duration {
    /// Milliseconds, with a digit behind the point where there are few of them.
    var milliseconds: String {
        let number = self / .milliseconds(1)
        return number.text(number < 100 ? 1 : 0)
    }

    var seconds: Double { self / .seconds(1) }
}
