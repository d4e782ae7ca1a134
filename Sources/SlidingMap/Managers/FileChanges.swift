import MapProtocols

/// What a manager makes of files that change while it holds copies of their windows.
///
/// It is about copies: maps show writes as they happen, whatever is chosen here. What is read past a map's windows, as where addresses are
/// too short for windows side by side, is as the map was at that moment, and stays so under its lease. A change is noticed where something
/// is read of the file, or where somebody looks at it: `cursor(for:)` and `refresh()`. What a lease shows already stays as it is.
public enum FileChanges: Hashable, Sendable {
  /// Each request gets the file as it was when its windows were loaded, all of it of one version. A change fails nobody; what lies past the
  /// file's present end is `.fileTruncated`.
  case followed
  /// The same, but files only grow: nobody writes below their end, as with logs. Windows that the end does not lie in stay loaded when
  /// a file grows. Files that have the system's append-only attribute (`chattr +a`) when they are opened are taken to be so, save as direct
  /// descriptors.
  case appendOnly
  /// A cursor reads the version it was made for, or last refreshed to, and no other: what must be loaded after the file has changed
  /// fails with `.fileChanged`, until `refresh()`. A version that is not settled (`FileStatus.isSettled`) is none yet: what is written
  /// before the clock goes on can't be told from what was read before.
  case oneVersion
}

extension FileChanges {
  /// Whether what was read of a file stays true of what it is now: it grew, and nobody could write below its end meanwhile.
  func onlyGrows(from old: FileStatus, to new: FileStatus) -> Bool {
    new.size >= old.size && (self == .appendOnly || old.isAppendOnly && new.isAppendOnly)
  }
}
