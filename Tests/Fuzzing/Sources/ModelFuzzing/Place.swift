/// A place for a reader: arrays hold nothing that can't be copied.
final class Place {
  var reader: Reader?
  var file: ModelFile? { reader?.file }
  /// Whether it may hold windows.
  var holds: Bool { reader?.holds ?? false }
}
