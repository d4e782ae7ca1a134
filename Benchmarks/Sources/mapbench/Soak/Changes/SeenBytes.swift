/// What bytes that were read turned out to be.
enum SeenBytes: Equatable {
  case oneVersion
  /// Each byte is one that the file had at that place since the reader opened it, but they are of several versions.
  case several
  /// The table no longer has the versions that it might be.
  case unknown
  case wrong(String)

  var isWrong: Bool {
    if case .wrong = self { true } else { false }
  }
}
