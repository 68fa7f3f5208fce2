import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";
import { timeServersOfLease } from "../lease.ts";
import type { TimeAction, TimeObserved } from "../plan.ts";

// Where Debian's chrony and its AppArmor profile look.
const CONFIG = "/etc/chrony/cluster-os.conf";
const SOURCES = "/etc/chrony/sources.d/cluster-os.sources";
const PID_FILE = "/run/chrony/chronyd.pid";
const LEASES = "/run/systemd/netif/leases";
const UNIT = "chrony.service";

/** The chrony of this machine: Debian's unit, with our configuration. */
export class ChronyOfHost {
  /** Reads files only, so that looking often costs nothing. */
  async observe(): Promise<TimeObserved> {
    return {
      config: await readText(CONFIG),
      sources: await readText(SOURCES),
      isRunning: await isAlive(await readText(PID_FILE)),
    };
  }

  /** Time servers that DHCP offered to systemd-networkd. Debian's hooks of other clients write chrony's own files. */
  async offered(): Promise<readonly string[]> {
    const leases = await readdir(LEASES).catch(() => []);
    const texts = await Promise.all(leases.map((name) => readText(join(LEASES, name))));
    return texts.flatMap((text) => timeServersOfLease(text ?? ""));
  }

  async act(action: TimeAction, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case "write-config":
        await writeFileIfChanged(CONFIG, action.text, { mode: 0o644 });
        return;
      case "write-sources":
        await writeFileIfChanged(SOURCES, action.text, { mode: 0o644 });
        return;
      case "restart":
        await execa("systemctl", ["restart", UNIT], { cancelSignal: signal });
        return;
      case "reload-sources":
        await execa("chronyc", ["reload", "sources"], { cancelSignal: signal });
        return;
      default:
        action satisfies never;
    }
  }
}

async function readText(path: string): Promise<string | undefined> {
  return (await readFileIfExists(path))?.toString("utf8");
}

async function isAlive(pidText: string | undefined): Promise<boolean> {
  const pid = pidText?.trim() ?? "";
  if (!/^[0-9]+$/.test(pid)) return false;
  return (await readText(`/proc/${pid}/comm`))?.trim() === "chronyd";
}
