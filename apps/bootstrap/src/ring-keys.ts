import type { RingKeyReport } from "@cluster-os/api";
import { ringKeyNumber } from "@cluster-os/admission";
import type { NodeProtocolStatus } from "@cluster-os/formation";
import { nodeName } from "@cluster-os/identity";
import { PeerApiError } from "./peer-api/protocol.ts";
import { healthOf } from "./reports.ts";
import type { View } from "./view.ts";

/** `GET /v1/ring-keys`: the newest ring key, and who holds it. */
export function ringKeyReport(view: View, { ringKey }: NodeProtocolStatus): RingKeyReport {
  if (!ringKey) throw new PeerApiError(503, "this machine is in no cluster yet");
  return {
    number: ringKeyNumber(ringKey.newest),
    stage: ringKey.stage,
    ...(ringKey.madeAt !== undefined && { madeAtMs: ringKey.madeAt }),
    members: view.roster().map(({ nodeId }) => {
      const member = view.find(nodeId)?.member;
      const held = member?.description?.ringKeyId;
      return {
        name: nodeName(nodeId),
        status: healthOf(member?.status ?? "failed"),
        ...(held !== undefined && { number: ringKeyNumber(held) }),
        isNewest: held !== undefined && held >= ringKey.newest,
      };
    }),
  };
}

/** Refuses where no key can be made: only servers hold the authority key, which signs the record of it. */
export function requireAuthority(view: View, { clusterId, hasAuthorityKey }: NodeProtocolStatus): void {
  if (clusterId === undefined) throw new PeerApiError(409, "this machine is in no cluster yet");
  if (hasAuthorityKey) return;
  const servers = view.servers.map(nodeName).join(", ");
  throw new PeerApiError(
    409,
    `this machine is a worker, and a server makes ring keys: ask one of ${servers}`,
  );
}
