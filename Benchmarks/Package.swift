// swift-tools-version: 6.2
import PackageDescription

/// The same settings as in the parent package; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// Functions begin on cache lines. Otherwise a change elsewhere in the program moves a loop that is measured, and a load of a nanosecond
/// takes a tenth more or less for that alone.
let aligned: SwiftSetting = .unsafeFlags(
  ["-Xllvm", "-align-all-functions=6"], .when(configuration: .release))

let package = Package(
  name: "sliding-map-benchmarks",
  platforms: [.macOS("26.0")],
  products: [
    // What the microbenchmarks have in common with mapbench.
    .library(name: "BenchmarkSupport", targets: ["BenchmarkSupport"]),
    // What is fuzzed.
    .library(name: "Traces", targets: ["Traces"]),
  ],
  dependencies: [
    .package(name: "sliding-map", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .target(
      name: "BenchmarkSupport",
      dependencies: [
        .product(name: "SlidingMap", package: "sliding-map"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict + [aligned]),
    .target(name: "CProbe"),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "Traces",
      dependencies: [
        "BenchmarkSupport", "CZlib",
        .product(name: "SlidingMap", package: "sliding-map"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "mapbench",
      dependencies: [
        "BenchmarkSupport", "CProbe", "Traces",
        .product(name: "SlidingMap", package: "sliding-map"),
        .product(name: "MapTesting", package: "sliding-map"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      resources: [
        .embedInCode("Peers/git_windows.c"), .embedInCode("Peers/smmap_windows.py"),
      ],
      swiftSettings: strict + [aligned]),
  ]
)
