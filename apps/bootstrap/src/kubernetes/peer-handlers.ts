import type { AuditEvent } from "@cluster-os/admission";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { Distribution } from "@cluster-os/kubernetes";
import type { Clock, Rng } from "@cluster-os/std";
import type { PeerHandler } from "../peer-api/protocol.ts";
import { certificateHandler, CERTIFICATE_TOPIC } from "../server/certificate-handler.ts";
import type { ControlPlane } from "../server/control-plane.ts";
import type { Trust } from "../server/desk.ts";
import type { SnapshotKeeper } from "../snapshots/keeper.ts";
import { clockHandler, CLOCK_TOPIC } from "../time/clock-topic.ts";
import type { UpgradePart } from "../upgrade/of-machine.ts";
import type { View } from "../view.ts";
import { CREDENTIALS_TOPIC, credentialsHandler, JOIN_DONE_TOPIC, joinDoneHandler } from "./credentials.ts";
import { namedMembers } from "./observe.ts";
import { STEP_DOWN_TOPIC, stepDownHandler } from "./step-down.ts";

export interface PeerHandlersOptions {
  readonly view: View;
  readonly distribution: Distribution;
  readonly controlPlane: ControlPlane;
  readonly snapshots: SnapshotKeeper;
  readonly upgrade: UpgradePart;
  readonly trust: Pick<Trust, "authoritySeed">;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** What this machine does for other members that ask. */
export function peerHandlers(options: PeerHandlersOptions): Readonly<Record<string, PeerHandler>> {
  const { view, distribution, controlPlane, snapshots, upgrade, trust, clock, rng } = options;
  const slot = () => controlPlane.slot;
  const server = {
    distribution,
    slot,
    members: (signal: AbortSignal) => namedMembers(distribution, view, signal),
    servers: () => view.servers,
    rolesEpoch: () => view.rolesEpoch,
    record: (event: AuditEvent, by: NodeId) => controlPlane.record(event, { by: nodeName(by) }),
  };
  return {
    [CREDENTIALS_TOPIC]: credentialsHandler({
      ...server,
      epoch: () => view.epoch.epoch,
      authoritySeed: trust.authoritySeed,
    }),
    [STEP_DOWN_TOPIC]: stepDownHandler(server),
    [JOIN_DONE_TOPIC]: joinDoneHandler(slot),
    [CLOCK_TOPIC]: clockHandler(clock),
    [CERTIFICATE_TOPIC]: certificateHandler({ kube: () => controlPlane.kube, rng }),
    ...snapshots.handlers,
    ...upgrade.handlers,
  };
}
