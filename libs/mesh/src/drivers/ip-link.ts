import { readdir, readFile } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import { isUnderlayInterface, meshMtu, type LinkAction, type LinkState } from "../plan-link.ts";

/** Interfaces, addresses and routes of this machine. */
export interface LinkDriver {
  /** Makes a WireGuard interface in the kernel. One of that name that is there already is a {@link LinkError}. */
  addWireGuard(name: string): Promise<void>;
  observe(name: string): Promise<LinkState>;
  act(name: string, action: LinkAction): Promise<void>;
  /** The MTU a mesh interface may have on this machine's underlays, in bytes. */
  meshMtu(): Promise<number>;
}

/** The kernel refused, or `ip` is not there. */
export class LinkError extends Error {
  override readonly name = "LinkError";
}

export interface IpLinkOptions {
  /** A network namespace of ip-netns(8) to work in; default this process's own. meshMtu always looks at the latter. */
  readonly namespace?: string;
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
  readonly #prefix: readonly string[];

  constructor(options: IpLinkOptions = {}) {
    this.#prefix = options.namespace === undefined ? [] : ["-netns", options.namespace];
  }

  async addWireGuard(name: string): Promise<void> {
    await this.#ip("link", "add", "dev", name, "type", "wireguard");
  }

  async observe(name: string): Promise<LinkState> {
    const [link] = Links.parse(await this.#ask("address", "show", "dev", name));
    if (!link) throw new LinkError(`there is no network interface ${name}`);
    const routes = Routes.parse(await this.#ask("-4", "route", "show", "dev", name));
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
        return void (await this.#ip("link", "set", "dev", name, "mtu", String(action.mtu)));
      case "set-up":
        return void (await this.#ip("link", "set", "dev", name, "up"));
      case "add-address":
        return void (await this.#ip("address", "replace", action.address, "dev", name));
      case "remove-address":
        return void (await this.#ip("address", "delete", action.address, "dev", name));
      case "set-route":
        return void (await this.#ip(
          "route",
          "replace",
          action.destination,
          "dev",
          name,
          "src",
          action.source,
        ));
      case "remove-route":
        return void (await this.#ip("route", "delete", action.destination, "dev", name));
      default:
        action satisfies never;
    }
  }

  // From /sys and not from `ip`: it is asked every other second, and a program for it costs more than the answer.
  async meshMtu(): Promise<number> {
    const mtus: number[] = [];
    for (const name of (await readdir("/sys/class/net")).filter(isUnderlayInterface)) {
      const [state, mtu] = [await readAttribute(name, "operstate"), await readAttribute(name, "mtu")];
      if (state === "up") mtus.push(Number(mtu));
    }
    return meshMtu(mtus);
  }

  /** What `ip` prints as JSON; nothing is an empty list. */
  async #ask(...args: readonly string[]): Promise<unknown> {
    return JSON.parse((await this.#ip("-json", ...args)) || "[]");
  }

  async #ip(...args: readonly string[]): Promise<string> {
    const result = await execa("ip", [...this.#prefix, ...args], { reject: false });
    if (!result.failed) return result.stdout;
    const reason = result.stderr || result.shortMessage;
    throw new LinkError(`ip ${args.join(" ")} failed: ${reason}`, { cause: result });
  }
}

/** An attribute of an interface; undefined when the interface is gone meanwhile. */
async function readAttribute(name: string, attribute: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/class/net/${name}/${attribute}`, "utf8")).trim();
  } catch {
    return undefined;
  }
}
