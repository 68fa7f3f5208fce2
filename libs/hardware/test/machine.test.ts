import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NodeCapabilities } from "@cluster-os/api";
import { expect } from "chai";
import { countProcessors, readCapabilities, readVersions } from "../src/index.ts";

const MIB = 2 ** 20;

/** Kernel files of a machine, by path; "-> x" is a symbolic link. */
type Tree = Readonly<Record<string, string>>;

const pci = (address: string, vendor: string, device: string, pciClass: string): Tree => ({
  [`sys/bus/pci/devices/${address}/vendor`]: `${vendor}\n`,
  [`sys/bus/pci/devices/${address}/device`]: `${device}\n`,
  [`sys/bus/pci/devices/${address}/class`]: `${pciClass}\n`,
});
const disk = (name: string, sectors: number, rotational: 0 | 1, model?: string): Tree => ({
  [`sys/block/${name}/size`]: `${sectors}\n`,
  [`sys/block/${name}/queue/rotational`]: `${rotational}\n`,
  ...(model !== undefined && { [`sys/block/${name}/device/model`]: `${model}   \n` }),
});
const link = (name: string, mtu: number, speed?: string): Tree => ({
  [`sys/class/net/${name}/mtu`]: `${mtu}\n`,
  [`sys/class/net/${name}/address`]: "52:54:00:12:34:56\n",
  ...(speed !== undefined && { [`sys/class/net/${name}/speed`]: `${speed}\n` }),
});

const SERVER: Tree = {
  "sys/devices/system/cpu/online": "0-15\n",
  "proc/meminfo": "MemTotal:       65863240 kB\nMemFree:          100000 kB\n",
  "proc/sys/kernel/osrelease": "6.12.41+deb13-amd64\n",
  "etc/os-release": 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
  ...pci("0000:00:02.0", "0x8086", "0x4680", "0x030000"),
  ...pci("0000:00:1f.0", "0x8086", "0x7a84", "0x060100"),
  ...pci("0000:04:00.0", "0x1a03", "0x2000", "0x030000"),
  ...pci("0000:41:00.0", "0x1002", "0x740f", "0x038000"),
  ...pci("0000:65:00.0", "0x10de", "0x2330", "0x030200"),
  ...pci("0000:65:00.1", "0x10de", "0x22ba", "0x040300"),
  ...pci("0000:ca:00.0", "0x8086", "0x0bda", "0x038000"),
  "sys/bus/pci/devices/0000:65:00.0/driver": "-> ../../../../bus/pci/drivers/nvidia",
  ...disk("nvme0n1", 2_000_000, 0, "Fast Disk 9000"),
  ...disk("sda", 4_000_000, 1),
  ...disk("sdb", 0, 1, "Card Reader"),
  ...disk("loop0", 100, 0),
  ...disk("zram0", 100, 0),
  ...disk("ram0", 100, 0),
  ...disk("dm-0", 100, 0),
  ...disk("md127", 100, 0),
  ...link("eth0", 1500, "10000"),
  ...link("enp2s0", 9000, "-1"),
  ...link("wlan0", 1500),
  ...link("lo", 65536),
  ...link("cos0", 1420),
  ...link("cni0", 1420),
  ...link("veth12ab", 1420, "10000"),
  "sys/class/net/bonding_masters": "\n",
};

describe("the machine", () => {
  let root: string;

  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), "machine-"))));
  afterEach(() => rm(root, { recursive: true }));

  async function plant(tree: Tree): Promise<void> {
    for (const [path, content] of Object.entries(tree)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      if (content.startsWith("-> ")) await symlink(content.slice(3), join(root, path));
      else await writeFile(join(root, path), content);
    }
  }

  it("is read from /proc and /sys", async () => {
    await plant(SERVER);
    expect(await readCapabilities(root)).to.deep.equal({
      cpu: 16,
      memory: `${Math.floor(65863240 / 1024)}Mi`,
      gpus: 3,
      gpuDevices: [
        { address: "0000:41:00.0", vendor: "AMD", device: "0x740f" },
        { address: "0000:65:00.0", vendor: "NVIDIA", device: "0x2330", driver: "nvidia" },
        { address: "0000:ca:00.0", vendor: "Intel", device: "0x0bda" },
      ],
      disks: [
        { name: "nvme0n1", sizeBytes: 2_000_000 * 512, rotational: false, model: "Fast Disk 9000" },
        { name: "sda", sizeBytes: 4_000_000 * 512, rotational: true },
      ],
      links: [
        { name: "enp2s0", mtu: 9000, mac: "52:54:00:12:34:56" },
        { name: "eth0", mtu: 1500, mac: "52:54:00:12:34:56", speedMbps: 10_000 },
        { name: "wlan0", mtu: 1500, mac: "52:54:00:12:34:56" },
      ],
    });
    expect(await readVersions(root)).to.deep.equal({
      kernel: "6.12.41+deb13-amd64",
      os: "Debian GNU/Linux 13 (trixie)",
    });
  });

  it("may have none of these files, and is still a machine", async () => {
    const nothing = { cpu: 1, memory: "0Mi", gpus: 0, gpuDevices: [], disks: [], links: [] };
    expect(await readCapabilities(root)).to.deep.equal(nothing);
    expect(await readVersions(root)).to.deep.equal({ kernel: "unknown", os: "Linux" });
  });

  const processors: readonly [string, number][] = [
    ["0", 1],
    ["0-3", 4],
    ["0-3,8-11", 8],
    ["0,2,4-5", 4],
    ["", 1],
    ["garbage", 1],
  ];
  for (const [online, count] of processors) {
    it(`processors "${online}" are ${count}`, async () => {
      await plant({ "sys/devices/system/cpu/online": `${online}\n` });
      expect(await countProcessors(root)).to.equal(count);
    });
  }

  it("this one has processors and memory, and fits the schema", async () => {
    const capabilities = NodeCapabilities.parse(await readCapabilities("/"));
    expect(capabilities.cpu).to.be.greaterThan(0);
    expect(Number.parseInt(capabilities.memory, 10) * MIB).to.be.greaterThan(64 * MIB);
  });
});
