import { compareText } from "@cluster-os/std";
import type { BalancerPlacement, ServerAddress } from "../distribution.ts";
import { StoredServers } from "../placement.ts";
import { renderBalancer, renderBalancerScript } from "../render/haproxy.ts";
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
  async point(placement: BalancerPlacement, signal: AbortSignal): Promise<void> {
    const configuration = renderBalancer(placement, this.#host.patience);
    if (configuration === this.#pointedAt) return;
    this.#pointedAt = undefined;
    const sorted = [...placement.servers].sort((left, right) => compareText(left.nodeName, right.nodeName));
    const list = `${JSON.stringify(sorted, undefined, 2)}\n`;
    const host = this.#host;
    const script = renderBalancerScript();
    if (
      (await host.readFile(PATHS.servers)) === list &&
      (await host.readFile(PATHS.balancerConfig)) === configuration &&
      (await host.readFile(PATHS.balancerScript)) === script
    ) {
      await systemctl({ host }, "start", UNITS.balancer, signal);
    } else {
      // The list is what says that haproxy has taken the file: until then it must not be there.
      await host.remove(PATHS.servers);
      // First what the configuration names: haproxy may be started at any time.
      await host.writeFile(PATHS.balancerScript, script, 0o644);
      await host.writeFile(PATHS.balancerConfig, configuration, 0o644);
      // A reload keeps the listening socket, so that nobody is refused meanwhile.
      await systemctl({ host }, "reload-or-restart", UNITS.balancer, signal);
      await host.writeFile(PATHS.servers, list, 0o644);
    }
    this.#pointedAt = configuration;
  }

  /** The servers it was last pointed at, by an earlier process too. */
  async servers(): Promise<readonly ServerAddress[]> {
    const content = await this.#host.readFile(PATHS.servers);
    return content === undefined ? [] : StoredServers.parse(JSON.parse(content));
  }
}
