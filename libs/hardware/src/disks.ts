import { join } from "node:path";
import type { NodeCapabilities } from "@cluster-os/api";
import { listNames, readNumber, readText } from "./folder.ts";

type Disk = NonNullable<NodeCapabilities["disks"]>[number];

/** The kernel counts sizes in sectors of this many bytes, whatever the disk's own are. */
const SECTOR_BYTES = 512;

/** Not disks: RAM, loop, floppy, optical and network devices; and those made of disks, which are counted already. */
const NOT_A_DISK = /^(loop|ram|zram|fd|sr|nbd|dm-|md)/;

/** Whole disks. An empty card reader has no size and is none. */
export async function readDisks(root: string): Promise<readonly Disk[]> {
  const folder = join(root, "sys/block");
  const names = (await listNames(folder)).filter((name) => !NOT_A_DISK.test(name));
  const disks = await Promise.all(names.map((name) => readDisk(folder, name)));
  return disks.filter(({ sizeBytes }) => sizeBytes > 0);
}

async function readDisk(folder: string, name: string): Promise<Disk> {
  const path = join(folder, name);
  const sectors = (await readNumber(join(path, "size"))) ?? 0;
  const model = await readText(join(path, "device/model"));
  const rotational = (await readNumber(join(path, "queue/rotational"))) === 1;
  return { name, sizeBytes: sectors * SECTOR_BYTES, rotational, ...(model && { model }) };
}
