import MapProtocols

/// The parts that a core's lock guards, in memory of their own.
///
/// Swift checks at run time whether uses of a class's stored property overlap. A miss makes some eighty uses of parts, and the checks took
/// a quarter of its instructions. Nothing checks memory behind a pointer but schedules do: a closure that is passed to a part must not
/// use that part.
struct Parts: ~Copyable {
  var ledger: Ledger
  var residency = Residency()
  var recency: Recency
  var proofs = PinProofs()
  var evictor = Evictor()
  var registry = FileRegistry()
  var places = Places()
  var pageTables = PageTables(pageSize: SystemPage.size)
  var copies: CopyDesk
  var loads = LoadBoard()
  var hot: HotWindows

  #if Schedule
    /// By part, how many read it at a time; -1 while it is being changed.
    private var uses = Array(repeating: 0, count: Name.allCases.count)
  #endif

  init(
    _ ledger: Ledger, _ recency: consuming Recency, _ copies: CopyDesk, _ hot: consuming HotWindows
  ) {
    self.ledger = ledger
    self.hot = hot
    self.recency = recency
    self.copies = copies
  }

  enum Name: Int, CaseIterable {
    case ledger, residency, recency, proofs, evictor, registry, places, pageTables, copies, loads,
      hot
  }

  /// Notes that a part is being read.
  @inline(__always)
  mutating func beginReading(_ part: Name) {
    #if Schedule
      precondition(uses[part.rawValue] >= 0, "\(part) is read while it is being changed")
      uses[part.rawValue] += 1
    #endif
  }

  @inline(__always)
  mutating func endReading(_ part: Name) {
    #if Schedule
      uses[part.rawValue] -= 1
    #endif
  }

  /// Notes that a part is being changed.
  @inline(__always)
  mutating func beginChange(_ part: Name) {
    #if Schedule
      precondition(uses[part.rawValue] == 0, "\(part) is changed while it is used")
      uses[part.rawValue] = -1
    #endif
  }

  @inline(__always)
  mutating func endChange(_ part: Name) {
    #if Schedule
      uses[part.rawValue] = 0
    #endif
  }
}

extension MapCore {
  var ledger: Ledger {
    _read {
      unsafe parts.pointee.beginReading(.ledger)
      defer { unsafe parts.pointee.endReading(.ledger) }
      yield unsafe parts.pointee.ledger
    }
    _modify {
      unsafe parts.pointee.beginChange(.ledger)
      defer { unsafe parts.pointee.endChange(.ledger) }
      yield unsafe &parts.pointee.ledger
    }
  }
  var residency: Residency {
    _read {
      unsafe parts.pointee.beginReading(.residency)
      defer { unsafe parts.pointee.endReading(.residency) }
      yield unsafe parts.pointee.residency
    }
    _modify {
      unsafe parts.pointee.beginChange(.residency)
      defer { unsafe parts.pointee.endChange(.residency) }
      yield unsafe &parts.pointee.residency
    }
  }
  var recency: Recency {
    _read {
      unsafe parts.pointee.beginReading(.recency)
      defer { unsafe parts.pointee.endReading(.recency) }
      yield unsafe parts.pointee.recency
    }
    _modify {
      unsafe parts.pointee.beginChange(.recency)
      defer { unsafe parts.pointee.endChange(.recency) }
      yield unsafe &parts.pointee.recency
    }
  }
  var proofs: PinProofs {
    _read {
      unsafe parts.pointee.beginReading(.proofs)
      defer { unsafe parts.pointee.endReading(.proofs) }
      yield unsafe parts.pointee.proofs
    }
    _modify {
      unsafe parts.pointee.beginChange(.proofs)
      defer { unsafe parts.pointee.endChange(.proofs) }
      yield unsafe &parts.pointee.proofs
    }
  }
  var evictor: Evictor {
    _read {
      unsafe parts.pointee.beginReading(.evictor)
      defer { unsafe parts.pointee.endReading(.evictor) }
      yield unsafe parts.pointee.evictor
    }
    _modify {
      unsafe parts.pointee.beginChange(.evictor)
      defer { unsafe parts.pointee.endChange(.evictor) }
      yield unsafe &parts.pointee.evictor
    }
  }
  var registry: FileRegistry {
    _read {
      unsafe parts.pointee.beginReading(.registry)
      defer { unsafe parts.pointee.endReading(.registry) }
      yield unsafe parts.pointee.registry
    }
    _modify {
      unsafe parts.pointee.beginChange(.registry)
      defer { unsafe parts.pointee.endChange(.registry) }
      yield unsafe &parts.pointee.registry
    }
  }
  var places: Places {
    _read {
      unsafe parts.pointee.beginReading(.places)
      defer { unsafe parts.pointee.endReading(.places) }
      yield unsafe parts.pointee.places
    }
    _modify {
      unsafe parts.pointee.beginChange(.places)
      defer { unsafe parts.pointee.endChange(.places) }
      yield unsafe &parts.pointee.places
    }
  }
  var pageTables: PageTables {
    _read {
      unsafe parts.pointee.beginReading(.pageTables)
      defer { unsafe parts.pointee.endReading(.pageTables) }
      yield unsafe parts.pointee.pageTables
    }
    _modify {
      unsafe parts.pointee.beginChange(.pageTables)
      defer { unsafe parts.pointee.endChange(.pageTables) }
      yield unsafe &parts.pointee.pageTables
    }
  }
  var copies: CopyDesk {
    _read {
      unsafe parts.pointee.beginReading(.copies)
      defer { unsafe parts.pointee.endReading(.copies) }
      yield unsafe parts.pointee.copies
    }
    _modify {
      unsafe parts.pointee.beginChange(.copies)
      defer { unsafe parts.pointee.endChange(.copies) }
      yield unsafe &parts.pointee.copies
    }
  }
  var loads: LoadBoard {
    _read {
      unsafe parts.pointee.beginReading(.loads)
      defer { unsafe parts.pointee.endReading(.loads) }
      yield unsafe parts.pointee.loads
    }
    _modify {
      unsafe parts.pointee.beginChange(.loads)
      defer { unsafe parts.pointee.endChange(.loads) }
      yield unsafe &parts.pointee.loads
    }
  }
  var hot: HotWindows {
    _read {
      unsafe parts.pointee.beginReading(.hot)
      defer { unsafe parts.pointee.endReading(.hot) }
      yield unsafe parts.pointee.hot
    }
    _modify {
      unsafe parts.pointee.beginChange(.hot)
      defer { unsafe parts.pointee.endChange(.hot) }
      yield unsafe &parts.pointee.hot
    }
  }
}
