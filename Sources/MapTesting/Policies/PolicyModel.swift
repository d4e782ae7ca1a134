/// What a policy must decide, written down as plainly as possible and in no hurry: each step may take O(n).
///
/// Slots and keys are plain numbers, a key that of a window of file 1 (`RegionKey.window`); the calls are those of `EvictionPolicy`, each hit by itself.
public protocol PolicyModel {
  /// As many regions fit.
  mutating func setCapacity(_ capacity: Int)
  /// A region that is not loaded is wanted.
  mutating func miss(_ key: Int)
  /// It was loaded.
  mutating func insert(_ slot: Int, _ key: Int)
  /// It was used again.
  mutating func hit(_ slot: Int)
  /// The region to go next.
  mutating func victim() -> Int?
  /// The victim is in use.
  mutating func pinned(_ slot: Int)
  /// A region left.
  mutating func remove(_ slot: Int, evicted: Bool)
}
