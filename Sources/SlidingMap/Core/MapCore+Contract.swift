import MapProtocols

/// What the manager demands of a provider's answers.
extension MapCore {
  /// Checks that an extent reaches to the end of the file that it is for.
  func checkExtent(_ extent: Extent, of backend: Backend, for size: Int64) {
    if extent.byteCount < size {
      fatalError(
        "the backend \"\(backend.properties.name)\" gives \(extent.byteCount) bytes of addresses"
          + " for a file of \(size)")
    }
  }
}
