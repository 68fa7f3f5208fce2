import { Roster } from "@cluster-os/admission";
import type { Mutant } from "./mutant.ts";

/** Who is in, under which index. */
export const admissionMutants: readonly Mutant[] = [
  {
    name: "an index that is taken without asking whether it is free",
    machines: 5,
    focus: "all",
    variation: { takeIndex: ({ highestKnown }) => highestKnown },
    // The roster lets nobody share an index: whoever was given one that is taken never gets in.
    violation: /index .* belongs to|is no member/,
  },
  {
    name: "an admission that counts more than a revocation",
    machines: 5,
    focus: "all",
    variation: {},
    install: () => {
      const right = Object.getOwnPropertyDescriptor(Roster.prototype, "learnRevocation");
      Roster.prototype.learnRevocation = () => false;
      return () => void Object.defineProperty(Roster.prototype, "learnRevocation", right ?? {});
    },
    violation: /which was revoked|which is gone/,
    seed: 6,
  },
];
