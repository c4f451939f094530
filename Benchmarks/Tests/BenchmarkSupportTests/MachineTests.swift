import Testing

@testable import BenchmarkSupport

@Suite struct MachineTests {
  @Test func slugsAreSafe() {
    #expect(slug("AMD EPYC 9B14 (64) ") == "amd-epyc-9b14-64")
    #expect(slug("../../etc/passwd") == "etc-passwd")
    #expect(slug("Ünïcode µ") == "n-code")
    #expect(slug("--") == "unknown" && slug("") == "unknown")
    #expect(slug(String(repeating: "a", count: 200)).count == 80)
    let name = plainProcessorName("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz")
    #expect(name == "Intel Xeon E5-2680 v4")
  }

  @Test func parsesProcessors() {
    let intel = Processor.parse(
      cpuinfo: "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 f16c avx512_vnni\n",
      cores: 4)
    #expect(intel.model == "Some CPU" && intel.cores == 4)
    #expect(intel.features == ["f16c", "avx2", "avx512_vnni"])
    let arm = Processor.parse(
      cpuinfo: "Features\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n",
      cores: 2)
    #expect(arm.model == "Arm 0x41 part 0xd40" && arm.features == ["neon", "asimd", "asimddp"])
    #expect(Processor.parse(cpuinfo: "", cores: 1).model == "unknown")
  }

  @Test func parsesMemory() {
    let memory = ProcessMemory.parse(
      status: "Name:\tx\nVmHWM:\t   30 kB\nVmRSS:\t   20 kB\nRssAnon:\t 12 kB\nRssFile:\t 8 kB\n")
    #expect(memory.resident == 20_480 && memory.anonymous == 12_288 && memory.file == 8_192)
    #expect(memory.peak == 30_720)
    #expect(ProcessMemory.parse(status: "").resident == nil)
  }

  private let table = MountTable(
    mountinfo: #"""
      27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
      30 27 0:27 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684100k
      31 27 259:2 / /data rw shared:1 master:2 - xfs /dev/nvme0n1p2 rw
      32 31 0:40 / /data/with\040blank rw - ramfs none rw
      33 27 0:50 / /o rw - overlay overlay rw,lowerdir=/l,upperdir=/dev/shm/u,workdir=/dev/shm/w
      34 27 0:51 / /p rw - overlay overlay rw,lowerdir=/l,upperdir=/data/u,workdir=/data/w
      35 31 0:60 / /data rw - btrfs /dev/sdb rw
      damaged line
      36 27 0:1 / /short rw
      """#)

  @Test func findsTheMountOfAFolder() {
    #expect(table.mounts.count == 7)
    #expect(table.mount(holding: "/home/x")?.source == "/dev/vda")
    #expect(table.mount(holding: "/database")?.point == "/")
    // The later mount hides the earlier one at the same point.
    #expect(table.mount(holding: "/data/x")?.fileSystem == "btrfs")
    #expect(table.mount(holding: "/data/with blank/y")?.fileSystem == "ramfs")
    #expect(table.mount(holding: "/dev/shm")?.fileSystem == "tmpfs")
    #expect(MountTable(mountinfo: "").mount(holding: "/") == nil)
  }

  @Test func knowsWhatKeepsNothing() {
    func isVolatile(_ path: String) -> Bool? {
      table.mount(holding: path).map(table.isVolatile)
    }
    #expect(isVolatile("/dev/shm/x") == true && isVolatile("/data/with blank") == true)
    #expect(isVolatile("/o/x") == true && isVolatile("/p/x") == false)
    #expect(isVolatile("/home") == false)
  }

  @Test func describesThisMachine() {
    let machine = MachineInfo.current()
    #expect(machine.processor.cores > 0 && machine.memory > 0)
    #expect(machine.defaultLabel == slug(machine.defaultLabel))
    #expect(machine.defaultLabel.hasSuffix("cores"))
    #expect(machine.lines.count == 3)
    let volume = Volume.holding("/surely/not/there")
    #expect(volume == Volume.holding("/"))
    #if os(Linux)
      #expect((ProcessMemory.current().resident ?? 0) > 0)
      #expect(volume.mountPoint == "/")
    #endif
  }

  @Test func revisionIsOptional() throws {
    let folder = try TemporaryFolder()
    #expect(sourceRevision(of: folder.path) == nil)
    #expect(sourceRevision(of: folder.path + "/absent") == nil)
  }
}
