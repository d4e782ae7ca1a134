internal import MapProtocols

/// One value for each slot, in an array that grows as slots come up. Every operation is O(1), save growth, which is
/// amortized.
struct SlotTable<Value: Sendable>: Sendable {
  private var values: [Value] = []
  private let empty: Value

  /// A table that has `empty` for every slot not set yet.
  init(empty: Value) { self.empty = empty }

  /// The value of a slot that was set before.
  subscript(_ slot: RegionSlot) -> Value {
    get { values[slot.index] }
    set { values[slot.index] = newValue }
    _modify { yield &values[slot.index] }
  }

  /// Sets the value of a slot, and makes room for it.
  mutating func set(_ slot: RegionSlot, to value: Value) {
    if slot.index >= values.count {
      let missing = max(slot.index + 1, values.count * 2) - values.count
      values.append(contentsOf: repeatElement(empty, count: missing))
    }
    values[slot.index] = value
  }
}
