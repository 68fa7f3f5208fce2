import type { NodeId } from "@cluster-os/identity";
import type { JoinSlot } from "./join-slot.ts";
import type { RenewalSlot } from "./renewal.ts";

/** The slot for changes of the control plane, as a server takes it for itself; `slot` gives none while its API does not answer. */
export function ownTurn(slot: () => JoinSlot | undefined, self: NodeId): RenewalSlot {
  return {
    take: async () => {
      const it = slot();
      if (!it) return "unreachable";
      return (await it.tryTake(self)) ? "taken" : "another machine has its turn";
    },
    giveBack: async () => {
      const it = slot();
      if (!it) throw new Error("this machine's API does not answer");
      await it.release(self);
    },
  };
}
