public import Glibc
internal import Testing

/// Sets a soft limit of this process (setrlimit(2)), at most the hard one; for child processes of tests.
public func setLimit(_ resource: __rlimit_resource, to value: UInt) throws {
  var limit = rlimit()
  try #require(unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0)
  limit.rlim_cur = min(value, limit.rlim_max)
  try #require(unsafe setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0)
}
