import MMapBackend
import MapProtocols
import MapTestSupport
import SlidingMap
import Testing

@Suite struct MMapConformanceTests {
  @Test(arguments: ProviderConformance.allCases)
  func mmap(_ promise: ProviderConformance) async throws {
    try await promise.check { .mmap }
  }

  @Test(arguments: ProviderConformance.allCases)
  func populatingMMap(_ promise: ProviderConformance) async throws {
    try await promise.check { .mmap(populate: true) }
  }

  @Test(arguments: ProviderConformance.allCases)
  func faultsThatNeverHappen(_ promise: ProviderConformance) async throws {
    try await promise.check { FaultProvider(.mmap) { _ in nil } }
  }
}
