import SystemPackage

/// Files open for reading, each once for all threads.
final class OpenFiles: Sendable {
  let descriptors: [FileDescriptor]

  init(_ files: [FoundFile]) throws {
    var opened: [FileDescriptor] = []
    do {
      for file in files { opened.append(try FileDescriptor.open(file.path, .readOnly)) }
    } catch {
      for descriptor in opened { try? descriptor.close() }
      throw error
    }
    descriptors = opened
  }

  deinit {
    for descriptor in descriptors { try? descriptor.close() }
  }
}
