internal import MapProtocols

extension Bench {
  func tellsOfDamage() throws {
    guard let damage else { return }
    let opened = try open(source(Self.large))
    defer { provider.close(opened.handle) }
    checks.calls("`damage`")
    try damage(Self.large)
    var errors = errorsOfReading(opened.handle)
    // A backend may look at a file as a whole when it is opened.
    do throws(MapError) {
      let again = try open(source(Self.large))
      errors += errorsOfReading(again.handle)
      provider.close(again.handle)
    } catch { errors += 1 }
    checks.expect(
      errors > 0 || !checks.texts.isEmpty,
      "after `damage` each read gave the right bytes: was nothing damaged?")
  }

  /// Reads a file from end to end, in parts; each gives the right bytes or an error.
  private func errorsOfReading(_ handle: Handle) -> Int {
    let content = contents[Self.large]!
    var errors = 0
    for offset in stride(from: 0, to: content.count, by: 10_000) {
      checks.step()
      do throws(MapError) {
        let bytes = try read(handle, at: offset, 10_000)
        expect(bytes, at: offset, 10_000, of: content, "after `damage`, a read")
      } catch { errors += 1 }
    }
    return errors
  }
}
