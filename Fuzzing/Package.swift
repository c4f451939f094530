// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that who embeds Engram builds none of it; `scripts/fuzz` builds it with
// libFuzzer and the address sanitizer. The name of the parent package is given because a clone's
// folder may be called anything.
let package = Package(
  name: "EngramFuzzing",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "Engram", path: ".."),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .executableTarget(
      name: "engram-fuzz",
      dependencies: [
        "CLibFuzzer",
        .product(name: "EngramIndex", package: "Engram"),
        .product(name: "EngramStore", package: "Engram"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "CLibFuzzer"),
  ],
  swiftLanguageModes: [.v6]
)
