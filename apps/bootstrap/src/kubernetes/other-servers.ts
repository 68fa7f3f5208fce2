import { nodeName, type NodeId } from "@cluster-os/identity";
import type { JoinCredentials } from "@cluster-os/kubernetes";
import type { PeerApiClient } from "../peer-api/client.ts";
import type { View } from "../view.ts";
import { askForCredentials, JOIN_DONE_TOPIC } from "./credentials.ts";
import { askToStepDown } from "./step-down.ts";

/** Long enough for two calls of an API server that answers. */
const TELL_MS = 5000;

export interface OtherServersOptions {
  readonly self: NodeId;
  readonly view: View;
  readonly peers: PeerApiClient;
  /** How many times slower than usual the machines are. */
  readonly patience: number;
  /** The slot for changes of the control plane may have been given to this machine. */
  readonly onSlot: () => void;
  /** Keeps the authority key's seed, which a machine gets when it becomes a server. */
  readonly keepAuthority: (seed: Uint8Array) => Promise<void>;
}

/** The servers besides this machine, as it asks them over the peer API for what changes its own part in Kubernetes. */
export class OtherServers {
  readonly #options: OtherServersOptions;

  constructor(options: OtherServersOptions) {
    this.#options = options;
  }

  get living() {
    const { view, self } = this.#options;
    return view
      .members()
      .filter(({ member }) => member.status === "alive" && member.nodeId !== self)
      .filter(({ member }) => view.isServer(member.nodeId))
      .map(({ member, meshAddress }) => ({ nodeId: member.nodeId, name: member.name, meshAddress }));
  }

  /** One that says that its API server answers. */
  get ready(): NodeId | undefined {
    const { view, self } = this.#options;
    return view.readyServers(view.epoch.epoch).find((server) => server !== self);
  }

  /** Undefined while it is not this machine's turn. */
  async requestCredentials(
    from: NodeId,
    role: "server" | "worker",
    act: "join" | "promote" | "readmit",
    signal: AbortSignal,
  ): Promise<JoinCredentials | undefined> {
    const { view, peers, onSlot, keepAuthority } = this.#options;
    const address = view.find(from)?.meshAddress;
    if (address === undefined) return undefined;
    const request = { role, act, epoch: view.epoch.epoch, rolesEpoch: view.rolesEpoch };
    const granted = await askForCredentials({ peers, from, address, request, signal });
    if (granted && role === "server") onSlot();
    if (granted?.authoritySeed) await keepAuthority(granted.authoritySeed);
    return granted?.credentials;
  }

  async askToStepDown(from: NodeId, wish: "demote" | "set-aside", signal: AbortSignal) {
    const { view, peers, onSlot } = this.#options;
    const address = view.find(from)?.meshAddress;
    if (address === undefined) return undefined;
    const answer = await askToStepDown({ peers, from, address, rolesEpoch: view.rolesEpoch, wish, signal });
    if (answer) onSlot();
    return answer;
  }

  /** Gives back the slot for changes of the control plane. Throws where nobody hears it. */
  async tellChanged(to: NodeId, signal: AbortSignal): Promise<void> {
    const { view, peers, patience } = this.#options;
    const address = view.find(to)?.meshAddress;
    if (address === undefined) throw new Error(`${nodeName(to)} is no member any more`);
    // The Kubernetes round waits for this, and API servers stall while etcd elects.
    const soon = AbortSignal.any([signal, AbortSignal.timeout(TELL_MS * patience)]);
    await peers.ask({ to, address, topic: JOIN_DONE_TOPIC, body: new Uint8Array(), signal: soon });
  }
}
