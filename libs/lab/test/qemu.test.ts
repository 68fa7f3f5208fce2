import { spawnSync } from "node:child_process";
import { expect } from "chai";
import fc from "fast-check";
import {
  cardAddress,
  findPanic,
  qemuCommand,
  quoteForShell,
  renderMetaData,
  renderUserData,
  type Emulation,
} from "../src/qemu.ts";
import { hardwareAddress } from "../src/names.ts";

const EMULATION: Emulation = {
  number: 2,
  name: "cos-lab-m2",
  make: {
    driver: "qemu",
    tools: "/tools",
    image: "/images/a",
    memoryMib: 2048,
    processors: 2,
    accelerator: "tcg",
  },
  disk: "/lab/m2/disk.qcow2",
  seed: "/lab/m2/seed.img",
  console: "/lab/m2/console.log",
  monitor: "/lab/m2/monitor.sock",
  pidFile: "/lab/m2/qemu.pid",
};

function valueOf(argv: readonly string[], option: string): string {
  return argv[argv.indexOf(option) + 1] ?? "";
}

describe("qemuCommand", () => {
  const argv = qemuCommand(EMULATION);

  it("emulates, and leaves KVM alone, whatever the host has", () => {
    expect(valueOf(argv, "-accel")).to.match(/^tcg,/);
    expect(argv.join(" ")).to.not.include("kvm");
  });
  it("takes KVM where it was asked for", () => {
    const kvm = qemuCommand({ ...EMULATION, make: { ...EMULATION.make, accelerator: "kvm" } });
    expect([valueOf(kvm, "-accel"), valueOf(kvm, "-cpu")]).to.deep.equal(["kvm", "host"]);
  });
  it("has SSH at 2223 and a screen at 5900 and up, on the loopback address only", () => {
    expect(argv.join(" ")).to.include("hostfwd=tcp:127.0.0.1:2224-:22");
    expect(valueOf(argv, "-vnc")).to.equal("127.0.0.1:1");
  });
  it("gives the machine no way out", () => {
    const cards = argv.filter((_, index) => argv[index - 1] === "-netdev");
    expect(cards).to.have.length(2);
    expect(cards.find((card) => card.startsWith("user,"))).to.include("restrict=on");
    expect(cards.find((card) => card.startsWith("tap,"))).to.include("script=no,downscript=no");
  });
  it("gives its card another address than its cable's end, and each machine another", () => {
    const addresses = [hardwareAddress("cos-lab-m1"), cardAddress("cos-lab-m1"), cardAddress("cos-lab-m2")];
    expect(new Set(addresses)).to.have.property("size", 3);
  });
});

describe("the seed", () => {
  it("carries files and a key, and nothing else", () => {
    const content = 'joinKey: "a"\nexpect: 3\n';
    const text = renderUserData("ssh-ed25519 AAAA lab", [{ path: "/etc/x.yaml", content, mode: 0o600 }]);
    expect(text).to.match(/^#cloud-config\n/);
    expect(JSON.parse(text.slice(text.indexOf("\n")))).to.deep.equal({
      ssh_authorized_keys: ["ssh-ed25519 AAAA lab"],
      write_files: [{ path: "/etc/x.yaml", permissions: "0600", content }],
    });
  });
  it("has an instance, for which cloud-init works once", () => {
    expect(JSON.parse(renderMetaData("cos-lab-m1"))).to.deep.equal({ "instance-id": "cos-lab-m1" });
  });
});

describe("findPanic", () => {
  const cases = [
    { name: "a boot", heard: "[    0.0] Linux version 6.12\r\n[   20.4] systemd[1]: running\r\n", found: [] },
    {
      name: "a panic with its reason",
      heard:
        "[   24.1] BUG: kernel NULL pointer dereference, address: 0\r\n[   24.1] RIP: 0010:0x0\r\n[   24.2] Kernel panic - not syncing: Fatal exception\r\n[   24.3] Kernel Offset: disabled\r\n",
      found: ["NULL pointer", "RIP: 0010", "not syncing: Fatal exception"],
    },
    {
      name: "a panic without a word before",
      heard: "[    3.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
      found: ["VFS: Unable to mount root fs"],
    },
    {
      name: "warnings, from which a kernel recovers",
      heard: "[   2.7] WARNING: CPU: 0 PID: 1 at x\n[  2.8] RIP: 0010:y\n",
      found: [],
    },
  ];
  for (const { name, heard, found } of cases) {
    it(name, () => {
      const panic = findPanic(heard);
      if (found.length === 0) expect(panic).to.equal(undefined);
      for (const part of found) expect(panic).to.include(part);
    });
  }
});

describe("quoteForShell", () => {
  it("gives a shell exactly these words", () => {
    const word = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const command = quoteForShell(["printf", "%s\\0", ...words]);
        const { stdout } = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8" });
        expect(stdout.split("\0").slice(0, -1)).to.deep.equal(
          words.map((one) => Buffer.from(one).toString()),
        );
      }),
      { numRuns: 25 },
    );
  });
});
