/// Places for the boxes of a graph without cycles, in columns from left to right (Sugiyama's method).
///
/// An arrow that passes columns gets a point in each, so that it goes between the boxes there and not through them.
struct LayeredLayout {
    struct Point: Hashable {
        var x: Int
        var y: Int
    }

    /// Middle of the left side of each box.
    private(set) var boxes: [Point] = []
    /// For each edge the points it passes on its way.
    private(set) var bends: [[Point]] = []
    private(set) var columnWidths: [Int] = []
    private var starts: [Int] = []
    private(set) var width = 0
    private(set) var height = 0

    private static let gap = 48
    private static let rowGap = 20
    /// What a point takes of its column.
    private static let pointHeight = 32
    private static let margin = 16
    /// With more points than this, arrows go straight.
    private static let pointLimit = 20_000

    struct Size: Hashable {
        var width: Int
        var height: Int
    }

    /// - Parameter sizes: of the boxes.
    init(sizes: [Size], edges: [(from: Int, to: Int)]) {
        let layers = Self.layers(count: sizes.count, edges)
        var layout = Columns(count: sizes.count, layers: layers)
        var passed = [[Int]](repeating: [], count: edges.count)
        for (index, edge) in edges.enumerated() {
            var previous = edge.from
            for layer in (layers[edge.from] + 1)..<max(layers[edge.to], layers[edge.from] + 1)
            where layout.size < sizes.count + Self.pointLimit {
                let point = layout.addPoint(in: layer)
                passed[index].append(point)
                layout.connect(previous, point)
                previous = point
            }
            layout.connect(previous, edge.to)
        }
        layout.order()

        columnWidths = [Int](repeating: 0, count: layout.columns.count)
        for (index, layer) in layers.enumerated() { columnWidths[layer] = max(columnWidths[layer], sizes[index].width) }
        var x = Self.margin
        for columnWidth in columnWidths {
            starts.append(x)
            x += columnWidth + Self.gap
        }
        width = max(x - Self.gap + Self.margin, 2 * Self.margin)
        func rowHeight(_ member: Int) -> Int {
            (member < sizes.count ? sizes[member].height : Self.pointHeight) + Self.rowGap
        }
        let heights = layout.columns.map { column in column.reduce(0) { $0 + rowHeight($1) } }
        let tallest = heights.max() ?? 0
        height = tallest + 2 * Self.margin
        var places = [Point](repeating: Point(x: 0, y: 0), count: layout.size)
        for (layer, column) in layout.columns.enumerated() {
            var top = Self.margin + (tallest - heights[layer]) / 2
            for member in column {
                places[member] = Point(x: starts[layer], y: top + rowHeight(member) / 2)
                top += rowHeight(member)
            }
        }
        boxes = Array(places.prefix(sizes.count))
        bends = passed.map { points in points.map { places[$0] } }
    }

    /// The column that begins there.
    func column(at x: Int) -> Int {
        starts.lastIndex { $0 <= x } ?? 0
    }

    /// The longest distance of each vertex from a start.
    private static func layers(count: Int, _ edges: [(from: Int, to: Int)]) -> [Int] {
        var following = [[Int]](repeating: [], count: count)
        var waiting = [Int](repeating: 0, count: count)
        for edge in edges {
            following[edge.from].append(edge.to)
            waiting[edge.to] += 1
        }
        var layers = [Int](repeating: 0, count: count)
        var ready = (0..<count).filter { waiting[$0] == 0 }
        while let vertex = ready.popLast() {
            for next in following[vertex] {
                layers[next] = max(layers[next], layers[vertex] + 1)
                waiting[next] -= 1
                if waiting[next] == 0 { ready.append(next) }
            }
        }
        return layers
    }
}

/// Vertices and the points of long edges, in columns whose order is being improved.
private struct Columns {
    private(set) var columns: [[Int]]
    private var before: [[Int]]
    private var after: [[Int]]
    private(set) var size: Int

    init(count: Int, layers: [Int]) {
        columns = [[Int]](repeating: [], count: (layers.max() ?? -1) + 1)
        for (index, layer) in layers.enumerated() { columns[layer].append(index) }
        before = [[Int]](repeating: [], count: count)
        after = before
        size = count
    }

    mutating func addPoint(in layer: Int) -> Int {
        columns[layer].append(size)
        before.append([])
        after.append([])
        size += 1
        return size - 1
    }

    mutating func connect(_ from: Int, _ to: Int) {
        after[from].append(to)
        before[to].append(from)
    }

    /// Moves each member to the mean place of its neighbours, forwards and backwards by turns.
    mutating func order() {
        var rows = [Double](repeating: 0, count: size)
        for column in columns { for (row, member) in column.enumerated() { rows[member] = Double(row) } }
        for pass in 0..<6 {
            let isForwards = pass.isMultiple(of: 2)
            for index in isForwards ? Array(columns.indices) : columns.indices.reversed() {
                let neighbours = isForwards ? before : after
                let keys = columns[index].map { member -> Double in
                    let others = neighbours[member]
                    return others.isEmpty ? rows[member] : others.reduce(0) { $0 + rows[$1] } / Double(others.count)
                }
                let order = columns[index].indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
                columns[index] = order.map { columns[index][$0] }
                // Rows count from the middle, because columns of different length are centred.
                let middle = Double(columns[index].count - 1) / 2
                for (row, member) in columns[index].enumerated() { rows[member] = Double(row) - middle }
            }
        }
    }
}
