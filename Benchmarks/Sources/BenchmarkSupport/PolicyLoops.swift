public import SlidingMap

/// The measured loop of policies; never inlined, as it stands in every measurement of them.
public enum PolicyLoops {
  /// Hits told in one call to policies that want their order, as a manager collects them.
  private static let batchSize = 4096

  /// Tells a policy of hits, in the way it asks for.
  @inline(never)
  public static func hit(
    _ slots: [RegionSlot], _ policy: inout some EvictionPolicy, _ references: ReferenceTable
  ) {
    if let limit = policy.hits.limit {
      if limit > 0 { for slot in slots { references.mark(slot, limit: limit) } }
      return
    }
    for start in stride(from: 0, to: slots.count, by: batchSize) {
      policy.hit(slots.span.extracting(start..<min(start + batchSize, slots.count)))
    }
  }
}
