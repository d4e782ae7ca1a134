internal import MapProtocols
internal import SystemPackage

/// The rings of one provider and what was found out while making them.
struct Rings {
  /// For callers who wait, and for direct descriptors.
  private(set) var waiting: Ring?
  /// For submitted loads, whose thread is woken by `event`.
  private(set) var submitting: (ring: Ring, event: FileDescriptor)?
  private(set) var features = URingFeatures()

  /// No ring.
  init(depth: Int) { features.depth = depth }

  /// Makes the rings; what can't be made is left out, and `features` say why.
  ///
  /// - Parameter hasSubmitting: whether the second one is wanted.
  init(depth: Int, hasSubmitting: Bool, _ syscalls: Syscalls) {
    self.init(depth: depth)
    do throws(Errno) {
      let (ring, got) = try Self.make(depth: depth, among: Self.waitingOptions, syscalls)
      waiting = ring
      features.depth = min(features.depth, got.entries)
      features.cooperativeTaskRun = got.cooperativeTaskRun
      features.method = .ring
      features.ring = .present
      features.descriptorCount = 1
    } catch {
      features.ring = .refused(error)
      return
    }
    makeTable(syscalls)
    if hasSubmitting { makeSubmitting(syscalls) }
  }

  private static let waitingOptions: [Ring.Options] = [
    [.cooperativeTaskRun, .submitsAll], [.submitsAll], [],
  ]

  private static let submittingOptions: [Ring.Options] = [
    [.singleIssuer, .deferredTaskRun, .submitsAll], [.singleIssuer, .submitsAll], [.submitsAll], [],
  ]

  private struct Outcome {
    var cooperativeTaskRun = URingFeatures.Feature.notTried
    var singleIssuer = URingFeatures.Feature.notTried
    var deferredTaskRun = URingFeatures.Feature.notTried
    var entries = 0
  }

  /// Makes a ring with as many of the options as the kernel knows, and as many entries as it gives memory for.
  private static func make(
    depth: Int, among choices: [Ring.Options], disabled: Bool = false, _ syscalls: Syscalls
  ) throws(Errno) -> (Ring, Outcome) {
    var entries = depth
    var outcome = Outcome()
    var rest = choices[...]
    while true {
      let options = rest.first ?? []
      do throws(Errno) {
        let ring = try syscalls.makeRing(
          entries: entries, options: disabled ? options.union(.disabled) : options)
        if options.contains(.cooperativeTaskRun) { outcome.cooperativeTaskRun = .present }
        if options.contains(.singleIssuer) { outcome.singleIssuer = .present }
        if options.contains(.deferredTaskRun) { outcome.deferredTaskRun = .present }
        // Fewer than asked for, where that is more than the kernel allows.
        outcome.entries = min(entries, ring.entries)
        return (ring, outcome)
      } catch {
        if error == .invalidArgument, rest.count > 1 {
          // The kernel is older than one of the options.
          if options.contains(.cooperativeTaskRun) { outcome.cooperativeTaskRun = .refused(error) }
          if options.contains(.deferredTaskRun) {
            outcome.deferredTaskRun = .refused(error)
          } else if options.contains(.singleIssuer) {
            outcome.singleIssuer = .refused(error)
          }
          rest.removeFirst()
        } else if error == .noMemory, entries > 4 {
          // Locked memory is limited, and rings count.
          entries /= 2
        } else {
          throw error
        }
      }
    }
  }

  /// The table may have no more slots than the soft limit of descriptors.
  private mutating func makeTable(_ syscalls: Syscalls) {
    guard let waiting else { return }
    var slots = min(Syscalls.descriptorLimit, 1_024)
    while slots > 0 {
      do throws(Errno) {
        try syscalls.makeTable(of: waiting, slots: slots)
        features.directDescriptors = .present
        features.directDescriptorCount = slots
        // A spare one.
        features.descriptorCount += 1
        return
      } catch {
        features.directDescriptors = .refused(error)
        guard error == .tooManyOpenFiles || error == .noMemory else { return }
        slots /= 2
      }
    }
  }

  private mutating func makeSubmitting(_ syscalls: Syscalls) {
    do throws(Errno) {
      let event = try syscalls.makeEvent()
      do throws(Errno) {
        let (ring, got) = try Self.make(
          depth: features.depth, among: Self.submittingOptions, disabled: true, syscalls)
        features.depth = min(features.depth, got.entries)
        features.singleIssuer = got.singleIssuer
        features.deferredTaskRun = got.deferredTaskRun
        submitting = (ring, event)
        features.submitRing = .present
        features.descriptorCount += 2
      } catch {
        syscalls.close(event)
        throw error
      }
    } catch {
      features.submitRing = .refused(error)
    }
  }
}
