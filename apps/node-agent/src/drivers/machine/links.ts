import { join } from "node:path";
import type { NodeCapabilities } from "@cluster-os/api";
import { listNames, readNumber, readText } from "./folder.ts";

type Link = NonNullable<NodeCapabilities["links"]>[number];

/** Links of the mesh, of containers and of other overlays come and go with their work; they are not the machine's. */
const NOT_THE_MACHINES =
  /^(lo$|cos[0-9]|cni|veth|docker|br-|kube|flannel|cali|cilium|tunl|wg|dummy|ip6tnl|sit|gre|erspan)/;

/** Network interfaces of the machine itself. */
export async function readLinks(root: string): Promise<readonly Link[]> {
  const folder = join(root, "sys/class/net");
  const names = (await listNames(folder)).filter((name) => !NOT_THE_MACHINES.test(name));
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
