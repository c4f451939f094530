// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that who embeds Engram builds none of it. The name of the parent package
// is given because a clone's folder may be called anything.
let package = Package(
  name: "EngramBenchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "Engram", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "engram-bench",
      dependencies: [
        "BenchmarkSupport",
        .product(name: "Engram", package: "Engram"),
        .product(name: "EngramIndex", package: "Engram"),
        .product(name: "EngramModels", package: "Engram"),
        .product(name: "EngramStore", package: "Engram"),
        .product(name: "CEngramKernels", package: "Engram"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(name: "BenchmarkSupport"),
    .testTarget(name: "BenchmarkSupportTests", dependencies: ["BenchmarkSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
