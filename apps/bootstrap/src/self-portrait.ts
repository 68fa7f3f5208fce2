import type { KubernetesState, Retiring } from "@cluster-os/api";
import { toHex } from "@cluster-os/std";
import { describeMachine, type MachineFacts, type Progress, type Role } from "./description.ts";

/** What this machine tells the others of itself, and told them last. */
export class SelfPortrait {
  /** How far its Kubernetes is. */
  kubernetes: { readonly state: KubernetesState; readonly epoch: number } = { state: "waiting", epoch: 0 };
  /** While it is about to leave: that it is to serve no more. */
  retiring: Retiring | undefined;
  readonly #machine: MachineFacts;
  #told = "";

  constructor(machine: MachineFacts) {
    this.#machine = machine;
  }

  /** The description as it is now; undefined if the others have it. */
  news(role: Role | undefined, keys: Progress["keys"]) {
    const { kubernetes, retiring } = this;
    const { wireguardKey, nextWireguardKey = wireguardKey } = keys;
    const facts = [kubernetes.state, kubernetes.epoch, role, retiring];
    const told = [...facts, toHex(wireguardKey), toHex(nextWireguardKey)].join(" ");
    if (told === this.#told) return undefined;
    this.#told = told;
    return describeMachine(this.#machine, { role, kubernetes, keys, retiring });
  }
}
