internal import MapProtocols

/// The last calls of a policy's methods, for who wants to know how it came to a fault.
struct CallLog: CustomStringConvertible {
  enum Call {
    case setCapacity(Int)
    case miss(Int)
    case insert(Int, Int)
    case hit([RegionSlot])
    case victim(Int?)
    case pinned(Int)
    case remove(Int, evicted: Bool)
  }

  private static let length = 12
  private var calls: [Call] = []
  private var next = 0

  mutating func note(_ call: Call) {
    if calls.count < Self.length {
      calls.append(call)
    } else {
      calls[next] = call
      next = (next + 1) % Self.length
    }
  }

  var description: String {
    (calls[next...] + calls[..<next]).map(Self.text).joined(separator: ", ")
  }

  private static func text(_ call: Call) -> String {
    switch call {
    case .setCapacity(let regions): "setCapacity(\(regions == .max ? "no limit" : "\(regions)"))"
    case .miss(let key): "miss(window \(key))"
    case .insert(let slot, let key): "insert(\(slot), window \(key))"
    case .hit(let slots): "hit(\(slots.map(\.index)))"
    case .victim(let slot): "victim -> \(slot.map(String.init) ?? "nil")"
    case .pinned(let slot): "pinned(\(slot))"
    case .remove(let slot, let evicted): "remove(\(slot), evicted: \(evicted))"
    }
  }
}
