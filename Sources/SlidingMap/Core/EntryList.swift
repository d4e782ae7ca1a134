/// Files in order of use, the least recently used first.
///
/// Intrusive and doubly linked, so that every operation is O(1). A list does not own its files: a file leaves its lists
/// before the last reference to it goes. Nor are a file's neighbours retained while they are linked anew: of 100,000 files
/// each costs two waits for memory as it is, and an atomic count would make them four, one after the other.
@safe
struct EntryList {
  /// Which of a file's two places the list uses.
  enum Kind { case files, handles }

  private let kind: Kind
  private var head: EntryLinks.Place?
  private var tail: EntryLinks.Place?
  private(set) var count = 0

  init(_ kind: Kind) { self.kind = kind }

  /// The least recently used.
  var first: FileEntry? { unsafe head?.takeUnretainedValue() }

  /// Adds a file as the most recently used.
  mutating func append(_ entry: FileEntry) {
    let place = unsafe Unmanaged.passUnretained(entry)
    unsafe entry[kind] = EntryLinks(next: nil, previous: tail, isLinked: true)
    if let tail = unsafe tail {
      unsafe tail._withUnsafeGuaranteedRef { unsafe $0[kind].next = place }
    } else {
      unsafe head = place
    }
    unsafe tail = place
    count += 1
  }

  /// Takes a file out, if it is in.
  mutating func remove(_ entry: FileEntry) {
    let links = entry[kind]
    guard links.isLinked else { return }
    if let previous = unsafe links.previous {
      unsafe previous._withUnsafeGuaranteedRef { unsafe $0[kind].next = links.next }
    } else {
      unsafe head = links.next
    }
    if let next = unsafe links.next {
      unsafe next._withUnsafeGuaranteedRef { unsafe $0[kind].previous = links.previous }
    } else {
      unsafe tail = links.previous
    }
    entry[kind] = EntryLinks()
    count -= 1
  }

  /// Makes a file the most recently used.
  mutating func touch(_ entry: FileEntry) {
    if unsafe tail?.toOpaque() == Unmanaged.passUnretained(entry).toOpaque() { return }
    remove(entry)
    append(entry)
  }

  func next(after entry: FileEntry) -> FileEntry? { unsafe entry[kind].next?.takeUnretainedValue() }
}

/// A file's place in a list.
@safe
struct EntryLinks {
  typealias Place = Unmanaged<FileEntry>

  var next: Place?
  var previous: Place?
  var isLinked = false
}

extension FileEntry {
  fileprivate subscript(kind: EntryList.Kind) -> EntryLinks {
    get { kind == .files ? inFiles : inHandles }
    _modify {
      if kind == .files { yield &inFiles } else { yield &inHandles }
    }
  }
}
