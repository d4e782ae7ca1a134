/// So many places for values that can't be copied, gone with their owner.
///
/// The measured loops take `start` before they begin, so that no check of exclusive access stands in them.
@safe
struct OwnedPlaces<Element: ~Copyable>: ~Copyable, @unchecked Sendable {
  let start: UnsafeMutablePointer<Element>
  let count: Int

  /// Fills place after place; if one fails, those before it are given back.
  init(count: Int, _ make: (Int) throws -> Element) throws {
    let start = UnsafeMutablePointer<Element>.allocate(capacity: count)
    var filled = 0
    do {
      while filled < count {
        let element = try make(filled)
        unsafe (start + filled).initialize(to: element)
        filled += 1
      }
    } catch {
      unsafe start.deinitialize(count: filled)
      unsafe start.deallocate()
      throw error
    }
    unsafe self.start = start
    self.count = count
  }

  deinit {
    unsafe start.deinitialize(count: count)
    unsafe start.deallocate()
  }
}
