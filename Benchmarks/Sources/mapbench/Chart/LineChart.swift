/// Lines over a logarithmic axis, with a legend.
struct LineChart {
  /// One line; points from left to right.
  struct Series {
    let name: String
    let style: LineStyle
    let points: [(x: Double, y: Double)]
  }

  private static let (width, height) = (780.0, 460.0)
  private static let (left, right, top, bottom) = (64.0, 640.0, 48.0, 400.0)

  let title: String
  let xTitle: String
  let yTitle: String
  let xLabel: (Double) -> String
  let yLabel: (Double) -> String
  /// Highest lines first, as the legend lists them.
  let series: [Series]

  /// The chart as an SVG document.
  func render() -> String {
    let xAxis = Axis.logarithmic(series.flatMap(\.points).map(\.x))
    let yAxis = Axis.linear(upTo: series.flatMap(\.points).map(\.y).max() ?? 1)
    var svg = SVG(width: Int(Self.width), height: Int(Self.height), title: title)
    svg.add(
      "text", ["x": SVG.number(Self.left), "y": "28", "font-size": "16", "font-weight": "600"],
      title)
    draw(xAxis, yAxis, in: &svg)
    for line in series { draw(line, xAxis, yAxis, in: &svg) }
    drawLegend(in: &svg)
    return svg.render()
  }

  private func x(_ value: Double, _ axis: Axis) -> Double {
    Self.left + axis.place(value) * (Self.right - Self.left)
  }

  private func y(_ value: Double, _ axis: Axis) -> Double {
    Self.bottom - axis.place(value) * (Self.bottom - Self.top)
  }

  private func draw(_ xAxis: Axis, _ yAxis: Axis, in svg: inout SVG) {
    for tick in xAxis.ticks {
      let place = x(tick, xAxis)
      rule(from: (place, Self.top), to: (place, Self.bottom), isFaint: true, in: &svg)
      text(xLabel(tick), (place, Self.bottom + 18), "middle", in: &svg)
    }
    for tick in yAxis.ticks {
      let place = y(tick, yAxis)
      rule(from: (Self.left, place), to: (Self.right, place), isFaint: true, in: &svg)
      text(yLabel(tick), (Self.left - 8, place + 4), "end", in: &svg)
    }
    rule(from: (Self.left, Self.top), to: (Self.left, Self.bottom), isFaint: false, in: &svg)
    rule(from: (Self.left, Self.bottom), to: (Self.right, Self.bottom), isFaint: false, in: &svg)
    text(xTitle, ((Self.left + Self.right) / 2, Self.bottom + 44), "middle", in: &svg)
    let middle = SVG.number((Self.top + Self.bottom) / 2)
    svg.add(
      "text",
      ["x": "18", "y": middle, "text-anchor": "middle", "transform": "rotate(-90 18 \(middle))"],
      yTitle)
  }

  private func draw(_ line: Series, _ xAxis: Axis, _ yAxis: Axis, in svg: inout SVG) {
    let places = line.points.map { (x: x($0.x, xAxis), y: y($0.y, yAxis)) }
    svg.add(
      "polyline",
      [
        "points": places.map { "\(SVG.number($0.x)),\(SVG.number($0.y))" }.joined(separator: " "),
        "fill": "none", "stroke": line.style.color, "stroke-width": SVG.number(line.style.width),
        "stroke-dasharray": line.style.dashes, "stroke-linejoin": "round",
      ])
    for place in places {
      svg.add(
        "circle",
        ["cx": SVG.number(place.x), "cy": SVG.number(place.y), "r": "2", "fill": line.style.color])
    }
  }

  private func drawLegend(in svg: inout SVG) {
    for (index, line) in series.enumerated() {
      let place = Self.top + 10 + 24 * Double(index)
      svg.add(
        "line",
        [
          "x1": SVG.number(Self.right + 20), "x2": SVG.number(Self.right + 48),
          "y1": SVG.number(place), "y2": SVG.number(place), "stroke": line.style.color,
          "stroke-width": SVG.number(line.style.width + 0.6),
          "stroke-dasharray": line.style.dashes,
        ])
      text(line.name, (Self.right + 56, place + 4), "start", in: &svg)
    }
  }

  private func rule(
    from start: (Double, Double), to end: (Double, Double), isFaint: Bool, in svg: inout SVG
  ) {
    svg.add(
      "line",
      [
        "x1": SVG.number(start.0), "y1": SVG.number(start.1), "x2": SVG.number(end.0),
        "y2": SVG.number(end.1), "stroke": "currentColor", "opacity": isFaint ? "0.15" : "0.7",
      ])
  }

  private func text(
    _ text: String, _ place: (Double, Double), _ anchor: String, in svg: inout SVG
  ) {
    svg.add(
      "text",
      ["x": SVG.number(place.0), "y": SVG.number(place.1), "text-anchor": anchor], text)
  }
}
