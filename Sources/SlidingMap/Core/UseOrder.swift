import CMapShims

/// What can stand in a `UseOrder`.
protocol UseOrdered: AnyObject {
  /// Its place in the order: the first stored property.
  var links: UseLinks<Self> { get set }
}

/// Files or editions in order of use, the least recently used first.
///
/// Intrusive and doubly linked, so that every operation is O(1). The order does not own what it lists: that leaves before the last
/// reference to it goes. Nor are neighbours retained while they are linked anew: of 100,000 files each costs two waits for memory
/// as it is, and an atomic count would make them four, one after the other.
@safe
struct UseOrder<Element: UseOrdered>: ~Copyable {
  private typealias Place = Unmanaged<Element>

  private var head: Place?
  private var tail: Place?
  private(set) var count = 0

  init() {}

  /// The least recently used.
  var first: Element? { unsafe head?.takeUnretainedValue() }

  /// Adds one as the most recently used.
  mutating func append(_ element: Element) {
    let place = unsafe Place.passUnretained(element)
    unsafe element.links = UseLinks(next: nil, previous: tail, isLinked: true)
    if let tail = unsafe tail {
      unsafe tail._withUnsafeGuaranteedRef { unsafe $0.links.next = place }
    } else {
      unsafe head = place
    }
    unsafe tail = place
    count += 1
  }

  /// Takes one out, if it is in.
  mutating func remove(_ element: Element) {
    let links = element.links
    guard links.isLinked else { return }
    if let previous = unsafe links.previous {
      unsafe previous._withUnsafeGuaranteedRef { unsafe $0.links.next = links.next }
    } else {
      unsafe head = links.next
    }
    if let next = unsafe links.next {
      unsafe next._withUnsafeGuaranteedRef { unsafe $0.links.previous = links.previous }
    } else {
      unsafe tail = links.previous
    }
    element.links = UseLinks()
    count -= 1
  }

  /// Makes one the most recently used.
  mutating func touch(_ element: Element) {
    if unsafe tail?.toOpaque() == Unmanaged.passUnretained(element).toOpaque() { return }
    remove(element)
    append(element)
  }

  /// Asks for the links of one's neighbours, which change when it moves. They stand first in each record, behind the object's header.
  func prefetchNeighbours(of element: Element) {
    if let previous = unsafe element.links.previous { unsafe prefetchLinks(of: previous) }
    if let next = unsafe element.links.next { unsafe prefetchLinks(of: next) }
  }

  private func prefetchLinks(of place: Place) {
    unsafe smap_prefetch_lines(place.toOpaque(), 2)
  }

  func next(after element: Element) -> Element? {
    unsafe element.links.next?.takeUnretainedValue()
  }

  /// Calls `body` with each, the least recently used first. It must not change the order.
  func forEach(_ body: (Element) -> Void) {
    var element = first
    while let this = element {
      element = next(after: this)
      body(this)
    }
  }
}

/// A place in a `UseOrder`.
@safe
struct UseLinks<Element: AnyObject> {
  fileprivate var next: Unmanaged<Element>?
  fileprivate var previous: Unmanaged<Element>?
  fileprivate(set) var isLinked = false

  init() {}

  fileprivate init(
    next: Unmanaged<Element>?, previous: Unmanaged<Element>?, isLinked: Bool
  ) {
    unsafe self.next = next
    unsafe self.previous = previous
    self.isLinked = isLinked
  }
}
