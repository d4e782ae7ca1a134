import FuzzSupport
import SlidingMap

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

extension Session {
  /// Does to a file what other programs do.
  func change() {
    // What is read while a file changes is of no version, which nothing here could judge.
    settle()
    let name = choices.pick(Disk.names)
    let size = disk.files[name]?.size ?? 0
    let other = choices.pick(Disk.names)
    // Who promises that files only grow keeps to it.
    let onlyGrows = setup.changes == .appendOnly
    switch choices.pick(8) {
    case 0: disk.create(name, choices.pick([0, 1, 5000, 77_777, 150_000]))
    case 1: choices.oneIn(2) ? disk.remove(name) : disk.move(name, other)
    case 2: disk.link(name, other)
    case 3: disk.append(name, amount())
    case 4: disk.resize(name, size + amount())
    case 5 where !onlyGrows: disk.resize(name, choices.pick(size + 1))
    case 6 where !onlyGrows: disk.resize(name, max(size - choices.pick(6000), 0))
    case 7 where !onlyGrows: disk.overwrite(name, at: choices.pick(size + 1), amount())
    default: disk.append(name, amount())
    }
  }

  private func amount() -> Int {
    choices.oneIn(3) ? choices.pick([1, 4096, 65_536, 100_000]) : choices.pick(6000)
  }

  /// Lets other threads run.
  func pause() { sched_yield() }

  // MARK: The end

  /// Ends all in one of four orders.
  func end() {
    let order = choices.pick(4)
    settle()
    switch order {
    case 0:
      drop()
      maps?.collect()
      if let maps, !isShutDown { Books.checkEmpty(maps.statistics) }
    case 1:
      shutdown()
      useOnce()
      drop()
      if let maps { Books.checkEmpty(maps.statistics) }
    case 2:
      // Cursors keep it alive.
      endRecording()
      maps = nil
      useOnce()
      drop()
    default:
      drop()
      shutdown()
      if let maps { Books.checkEmpty(maps.statistics) }
    }
    endRecording()
    maps = nil
  }

  private func useOnce() {
    for (index, place) in places.enumerated() where place.reader != nil {
      let around = around(index)
      place.reader!.look(around)
      let (offset, count) = (Int64(choices.pick(5000)), choices.pick(5000))
      place.reader!.use(at: offset, count: count, around)
    }
    let around = around(nil)
    for index in buffers.indices { buffers[index]?.read(&choices, around) }
  }

  private func drop() {
    for place in places { place.reader = nil }
    buffers = [nil, nil]
  }
}
