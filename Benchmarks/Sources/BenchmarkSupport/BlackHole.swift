/// Takes a value the optimizer must not see the end of, so that the work behind it is done.
@inline(never)
@_optimize(none)
public func blackHole<T>(_ value: T) {}
