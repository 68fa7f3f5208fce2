import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { REPOSITORY } from "../deb/args.ts";
import { KUBERNETES_PROGRAMS } from "../deb/stage.ts";

const DRIVERS = join(REPOSITORY, "libs/kubernetes/src/drivers");
/** By which Debian package a machine has what is not the package's own. */
const DEBIAN: Readonly<Record<string, string>> = {
  cp: "coreutils",
  sync: "coreutils",
  ip: "iproute2",
  iptables: "iptables",
  modprobe: "kmod",
  systemctl: "systemd",
  umount: "mount",
  ctr: "containerd",
};
const ESSENTIAL = ["coreutils", "mount", "systemd"];

describe("programs that the driver of Kubernetes calls by name", () => {
  it("are there on a machine: the package's own, or of a package it depends on", async () => {
    const called = new Set<string>();
    for (const name of (await readdir(DRIVERS)).filter((one) => one.endsWith(".ts"))) {
      const text = await readFile(join(DRIVERS, name), "utf8");
      for (const [, program = ""] of text.matchAll(/(?:(?:execute|attempt)\(\w+, |\bfile: )"([\w-]+)"/g))
        called.add(program);
    }
    expect(called.size).to.be.greaterThan(5);
    const control = await Promise.all(
      ["cluster-os", "cluster-os-kubernetes"].map((name) =>
        readFile(join(REPOSITORY, "infra/deb", name, "control"), "utf8"),
      ),
    );
    const missing = [...called].filter((program) => {
      if (KUBERNETES_PROGRAMS.includes(program)) return false;
      const owner = DEBIAN[program];
      return owner === undefined || !(ESSENTIAL.includes(owner) || control.join().includes(owner));
    });
    expect(missing).to.deep.equal([]);
  });
});
