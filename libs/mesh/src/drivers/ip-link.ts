import { readdir, readFile } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import { isUnderlayInterface, meshMtu, type LinkAction, type LinkState } from "../plan-link.ts";

/** Interfaces, addresses and routes of this machine. */
export interface LinkDriver {
  observe(name: string): Promise<LinkState>;
  act(name: string, action: LinkAction): Promise<void>;
  /** The MTU a mesh interface may have on this machine's underlays, in bytes. */
  meshMtu(): Promise<number>;
}

const Links = z.array(
  z.object({
    flags: z.array(z.string()),
    mtu: z.number(),
    addr_info: z
      .array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number() }))
      .default([]),
  }),
);
const Routes = z.array(z.object({ dst: z.string(), prefsrc: z.string().optional() }));

/** The kernel's links through iproute2's `ip`. */
export class IpLink implements LinkDriver {
  async observe(name: string): Promise<LinkState> {
    const [link] = Links.parse(JSON.parse(await ip("-json", "address", "show", "dev", name)));
    if (!link) throw new Error(`there is no network interface ${name}`);
    const routes = Routes.parse(JSON.parse((await ip("-json", "-4", "route", "show", "dev", name)) || "[]"));
    return {
      isUp: link.flags.includes("UP"),
      mtu: link.mtu,
      addresses: link.addr_info
        .filter(({ family }) => family === "inet")
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
      routes: routes.map(({ dst, prefsrc }) => ({
        destination: dst,
        ...(prefsrc !== undefined && { source: prefsrc }),
      })),
    };
  }

  async act(name: string, action: LinkAction): Promise<void> {
    switch (action.kind) {
      case "set-mtu":
        return void (await ip("link", "set", "dev", name, "mtu", String(action.mtu)));
      case "set-up":
        return void (await ip("link", "set", "dev", name, "up"));
      case "add-address":
        return void (await ip("address", "replace", action.address, "dev", name));
      case "remove-address":
        return void (await ip("address", "delete", action.address, "dev", name));
      case "set-route":
        return void (await ip("route", "replace", action.destination, "dev", name, "src", action.source));
      case "remove-route":
        return void (await ip("route", "delete", action.destination, "dev", name));
      default:
        action satisfies never;
    }
  }

  async meshMtu(): Promise<number> {
    const mtus: number[] = [];
    for (const name of (await readdir("/sys/class/net")).filter(isUnderlayInterface)) {
      const read = (file: string) =>
        readFile(`/sys/class/net/${name}/${file}`, "utf8").then(
          (text) => text.trim(),
          () => "",
        );
      if ((await read("operstate")) === "up") mtus.push(Number(await read("mtu")));
    }
    return meshMtu(mtus);
  }
}

async function ip(...args: readonly string[]): Promise<string> {
  return (await execa("ip", args)).stdout;
}
