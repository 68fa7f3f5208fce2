import { NodeProtocol, patientFormation, type OwnDescription } from "@cluster-os/formation";
import { patientMembership } from "@cluster-os/membership";
import { fromBase64 } from "@cluster-os/std";
import type { DaemonOptions } from "./daemon-options.ts";
import { lanSubnets } from "./machine.ts";

/** This machine's protocol, as the given file wishes it, from the state that is on its disk. */
export function openProtocol(
  { config, keys, rng, clock }: DaemonOptions,
  description: OwnDescription,
  state: Uint8Array | undefined,
): NodeProtocol {
  const patience = config.patience ?? 1;
  return new NodeProtocol({
    identity: keys.identity,
    wireguardKey: keys.wireguard.publicKey,
    sealing: keys.sealing,
    ...(config.joinKey !== undefined && { joinKey: fromBase64(config.joinKey) }),
    ...(config.expect !== undefined && { expect: config.expect }),
    ...(state && { state }),
    description,
    lanSubnets: lanSubnets(),
    seeds: config.seeds ?? [],
    config: {
      ...patientFormation(patience),
      ...(config.maxServers !== undefined && { maxServers: config.maxServers }),
    },
    membershipConfig: patientMembership(patience),
    rng,
    wallTime: () => clock.wallTime(),
    now: clock.now(),
  });
}
