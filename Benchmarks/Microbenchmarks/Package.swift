// swift-tools-version: 6.2
import PackageDescription

/// The same settings as in the outermost package; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

// A package of its own, so that mapbench builds without the plugin and what it needs.
let package = Package(
  name: "sliding-map-microbenchmarks",
  platforms: [.macOS("26.0")],
  dependencies: [
    .package(name: "sliding-map", path: "../.."),
    .package(name: "sliding-map-benchmarks", path: ".."),
    .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    // Without its traits it needs neither jemalloc nor an interposer; counts of allocations would read 0.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "micro",
      dependencies: [
        .product(name: "BenchmarkSupport", package: "sliding-map-benchmarks"),
        .product(name: "SlidingMap", package: "sliding-map"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      // The plugin takes for benchmarks what lies right below a folder of the name Benchmarks, as this one does.
      path: ".", exclude: ["Thresholds"], sources: ["Sources"],
      swiftSettings: strict,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ]
)
