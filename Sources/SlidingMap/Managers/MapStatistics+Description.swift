extension MapStatistics: CustomStringConvertible {
  /// Some lines: what decides, what happened, what is held of which limits, who uses it; and what another backend served, if it did.
  public var description: String {
    var lines = [
      "\(backend), \(policy)" + (takeoverBackend.map { "; \($0) takes over" } ?? ""),
      counts.description,
      "held: " + usage.described(of: limits, peak: peak),
      "used by \(cursors) cursors on \(files) files; \(pinned) windows pinned, \(inFlight) loads in flight",
    ]
    if takeoverFiles + counts.takeovers + counts.copies > 0 {
      lines.append(
        "taken over: \(takeoverFiles) files now, \(counts.takeovers) requests, \(counts.copies) copies;"
          + " \(counts.returnsToPrimary) files came back")
    }
    return lines.joined(separator: "\n")
  }
}

extension MapStatistics.Counts: CustomStringConvertible {
  /// One line: hits, loads and evictions, and what is seldom where it is not 0.
  public var description: String {
    let ratio = hitRatio.map { " (\(($0 * 1000).rounded() / 10)%)" } ?? ""
    let seldom = [
      (failedLoads, "loads failed"), (overshoots, "overshoots"), (bypasses, "bypasses"),
      (droppedHits, "hits dropped"), (faults, "missing pages"),
    ]
    let parts =
      [
        "\(hits) hits of \(hits + misses) accesses\(ratio)", "\(loads) loads",
        "\(evictions) evictions",
      ]
      + seldom.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return parts.joined(separator: ", ")
  }
}

extension BudgetUsage {
  /// "12.0 MiB of 256.0 MiB (peak 255.9 MiB), 12 regions …".
  fileprivate func described(of limits: BudgetLimits, peak: BudgetUsage) -> String {
    func part(_ held: Int, _ limit: Int, _ peak: Int, _ text: (Int) -> String) -> String {
      text(held) + (limit == .max ? "" : " of \(text(limit))") + " (peak \(text(peak)))"
    }
    let count = { (number: Int) in "\(number)" }
    return [
      part(bytes, limits.bytes, peak.bytes, Self.size),
      "regions " + part(regions, limits.regions, peak.regions, count),
      "maps " + part(maps, limits.maps, peak.maps, count),
      "handles " + part(handles, limits.handles, peak.handles, count),
      "addresses " + part(addresses, limits.addresses, peak.addresses, Self.size),
    ].joined(separator: ", ")
  }

  private static func size(_ bytes: Int) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    var (size, unit) = (Double(bytes) / 1024, 0)
    while size >= 1024 && unit + 1 < units.count {
      size /= 1024
      unit += 1
    }
    return "\((size * 10).rounded() / 10) \(units[unit])"
  }
}
