import Glibc
import SystemPackage

/// A drawing of how costs grow: panels one below the other, both axes logarithmic, as SVG that reads on light and on
/// dark.
struct Plot {
    struct Series {
        let name: String
        /// Values that are not above 0 have no place on a logarithmic axis, and are left out.
        var points: [(x: Double, y: Double)] = []

        init(_ name: String) { self.name = name }
    }

    struct Panel {
        /// What is on the vertical axis, with its unit.
        let axis: String
        var series: [Series]
    }

    let title: String
    /// What is on the horizontal axis.
    let axis: String
    let panels: [Panel]

    func write(to path: FilePath) throws {
        try BenchmarkSetup.write(Array(PlotDrawing(self).text.utf8), to: path)
        print("plot: \(path)\n")
    }
}

/// The text of a plot.
struct PlotDrawing {
    private static let (width, panelHeight, head, gap) = (720.0, 300.0, 40.0, 64.0)
    private static let (left, right) = (80.0, 180.0)
    /// As many as a panel has series; told apart by their marks too.
    private static let marks = 4

    private static let style = """
        text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-size:15px;font-weight:600}.g{stroke:#8888;stroke-width:.5}
        .a{stroke:#57606a;fill:none}.l{fill:none;stroke-width:2}.s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.s3{stroke:#8250df}
        .m{stroke-width:2;fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.a{stroke:#9198a1}.m{fill:#0d1117}
        .s0{stroke:#4493f8}.s1{stroke:#f0883e}.s2{stroke:#3fb950}.s3{stroke:#ab7df8}}
        """

    private(set) var text = ""

    init(_ plot: Plot) {
        let height = Self.head + Double(plot.panels.count) * (Self.panelHeight + Self.gap)
        text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(Self.width)) \(Self.number(height))" role="img">
            <title>\(Self.escaped(plot.title))</title><style>\(Self.style)</style>
            <text class="t" x="\(Self.number(Self.left))" y="22">\(Self.escaped(plot.title))</text>

            """
        let points = plot.panels.flatMap { $0.series.flatMap(\.points) }
        let horizontal = Decades(points.map(\.x))
        for (n, panel) in plot.panels.enumerated() {
            draw(panel, plot.axis, horizontal, top: Self.head + Double(n) * (Self.panelHeight + Self.gap))
        }
        text += "</svg>\n"
    }

    private mutating func draw(_ panel: Plot.Panel, _ axis: String, _ horizontal: Decades, top: Double) {
        let (right, bottom) = (Self.width - Self.right, top + Self.panelHeight)
        let vertical = Decades(panel.series.flatMap { $0.points.map(\.y) })
        func x(_ value: Double) -> Double { Self.left + horizontal.place(value) * (right - Self.left) }
        func y(_ value: Double) -> Double { bottom - vertical.place(value) * Self.panelHeight }
        for (value, name) in horizontal.ticks {
            line("g", x(value), top, x(value), bottom)
            label(name, x(value), bottom + 18, "middle")
        }
        for (value, name) in vertical.ticks {
            line("g", Self.left, y(value), right, y(value))
            label(name, Self.left - 8, y(value) + 4, "end")
        }
        text +=
            "<path class=\"a\" d=\"M\(Self.number(Self.left)) \(Self.number(top))V\(Self.number(bottom))H\(Self.number(right))\"/>\n"
        label(axis, (Self.left + right) / 2, bottom + 38, "middle")
        let middle = Self.number((top + bottom) / 2)
        text +=
            "<text text-anchor=\"middle\" transform=\"translate(18 \(middle)) rotate(-90)\">\(Self.escaped(panel.axis))</text>\n"
        for (n, series) in panel.series.enumerated() {
            let places = series.points.filter { $0.x > 0 && $0.y > 0 }.map { (x: x($0.x), y: y($0.y)) }
            draw(places, n)
            mark(n, right + 16, top + 12 + Double(n) * 22)
            label(series.name, right + 28, top + 16 + Double(n) * 22, "start")
        }
    }

    private mutating func draw(_ places: [(x: Double, y: Double)], _ series: Int) {
        let path = places.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        text += "<polyline class=\"l s\(series % Self.marks)\" points=\"\(path)\"/>\n"
        for place in places { mark(series, place.x, place.y) }
    }

    private mutating func mark(_ series: Int, _ x: Double, _ y: Double) {
        let (kind, at) = ("class=\"m s\(series % Self.marks)\"", "\(Self.number(x)) \(Self.number(y))")
        let shape =
            switch series % Self.marks {
            case 0: "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"
            case 1: "m-4-4h8v8h-8z"
            case 2: "m0-5l5 9h-10z"
            default: "m0-5l5 5-5 5-5-5z"
            }
        text += "<path \(kind) d=\"M\(at)\(shape)\"/>\n"
    }

    private mutating func line(_ kind: String, _ x: Double, _ y: Double, _ toX: Double, _ toY: Double) {
        text +=
            "<path class=\"\(kind)\" d=\"M\(Self.number(x)) \(Self.number(y))L\(Self.number(toX)) \(Self.number(toY))\"/>\n"
    }

    private mutating func label(_ words: String, _ x: Double, _ y: Double, _ anchor: String) {
        text +=
            "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor)\">\(Self.escaped(words))</text>\n"
    }

    private static func number(_ value: Double) -> String { value.text(1) }

    private static func escaped(_ words: String) -> String {
        words.reduce(into: "") { $0 += $1 == "&" ? "&amp;" : $1 == "<" ? "&lt;" : String($1) }
    }
}

/// The powers of ten that values lie between.
private struct Decades {
    private static let superscripts = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    private let first: Int
    private let last: Int

    init(_ values: [Double]) {
        let logarithms = values.filter { $0 > 0 }.map { log10($0) }
        first = Int((logarithms.min() ?? 0).rounded(.down))
        last = max(first + 1, Int((logarithms.max() ?? 1).rounded(.up)))
    }

    /// From 0 to 1.
    func place(_ value: Double) -> Double { (log10(value) - Double(first)) / Double(last - first) }

    var ticks: [(Double, String)] { (first...last).map { (pow(10, Double($0)), Self.name($0)) } }

    private static func name(_ power: Int) -> String {
        guard power < -2 || power > 3 else { return ["0.01", "0.1", "1", "10", "100", "1000"][power + 2] }
        return "10" + (power < 0 ? "⁻" : "")
            + String("\(abs(power))".compactMap(\.wholeNumberValue).map { superscripts[$0] })
    }
}
