import type { ServerAddress } from "../distribution.ts";
import { StoredServers } from "../placement.ts";
import { renderBalancer } from "../render/haproxy.ts";
import { PATHS, UNITS } from "../settings.ts";
import { systemctl } from "./context.ts";
import type { Host } from "./host.ts";

/** The local balancer in front of the API servers. */
export class Balancer {
  readonly #host: Host;
  /** What it was last pointed at by this process, successfully. */
  #pointedAt: string | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Points it at these servers, and has it running. Told the same again it does nothing at all. */
  async point(servers: readonly ServerAddress[], signal: AbortSignal): Promise<void> {
    const configuration = renderBalancer(servers);
    if (configuration === this.#pointedAt) return;
    this.#pointedAt = undefined;
    await this.#host.writeFile(PATHS.servers, `${JSON.stringify(servers, undefined, 2)}\n`, 0o644);
    const isChanged = await this.#host.writeFile(PATHS.balancerConfig, configuration, 0o644);
    // A reload keeps the listening socket, so that nobody is refused meanwhile.
    const verb = isChanged ? "reload-or-restart" : "start";
    await systemctl({ host: this.#host }, verb, UNITS.balancer, signal);
    this.#pointedAt = configuration;
  }

  /** The servers it was last pointed at, by an earlier process too. */
  async servers(): Promise<readonly ServerAddress[]> {
    const content = await this.#host.readFile(PATHS.servers);
    return content === undefined ? [] : StoredServers.parse(JSON.parse(content));
  }
}
