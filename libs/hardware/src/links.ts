import { join } from "node:path";
import type { NodeCapabilities } from "@cluster-os/api";
import { isUnderlayInterface } from "@cluster-os/mesh";
import { listNames, readNumber, readText } from "./folder.ts";

type Link = NonNullable<NodeCapabilities["links"]>[number];

/** Network interfaces of the machine itself: those of the mesh and of containers come and go with their work. */
export async function readLinks(root: string): Promise<readonly Link[]> {
  const folder = join(root, "sys/class/net");
  const names = (await listNames(folder)).filter(isUnderlayInterface);
  const links = await Promise.all(names.map((name) => readLink(folder, name)));
  return links.filter((link) => link !== undefined);
}

async function readLink(folder: string, name: string): Promise<Link | undefined> {
  const path = join(folder, name);
  const mtu = await readNumber(join(path, "mtu"));
  // Files such as bonding_masters are no interfaces.
  if (mtu === undefined) return undefined;
  const mac = await readText(join(path, "address"));
  const speed = await readNumber(join(path, "speed"));
  // Without a carrier the driver answers -1, or nothing.
  return { name, mtu, ...(mac && { mac }), ...(speed !== undefined && speed > 0 && { speedMbps: speed }) };
}
