import { z } from "zod";
import { ruled } from "../rules.ts";
import { NodeLabelSelector, NodeNameText } from "./partition.ts";

/** How slurmctld's machine is chosen, and how its loss is noticed. */
export const ControllerPolicy = ruled(
  z.object({
    candidates: z.array(NodeNameText).min(1).max(64).optional().meta({
      description: "Nodes that may run the controller and keep copies of its state. Absent: every node.",
      "x-kubernetes-list-type": "set",
    }),
    candidateLabels: NodeLabelSelector.optional().describe(
      "The same by labels in the spec of their ClusterNodes: nodes that have all of these.",
    ),
    preference: z.array(NodeNameText).max(64).default([]).meta({
      description:
        "Candidates that come first, the best first. The controller moves to the first of them that is ready, once all is saved there. Empty: it stays where it is.",
      "x-kubernetes-list-type": "atomic",
    }),
    replicas: z
      .int()
      .min(1)
      .max(7)
      .default(3)
      .describe(
        "How many nodes keep the controller's state, the controller among them: 1, 3, 5 or 7. With fewer candidates, fewer; failover needs a majority of them.",
      ),
    leaseSeconds: z
      .int()
      .min(5)
      .max(120)
      .default(8)
      .describe(
        "A controller that did not renew its lease for so long has stopped itself, and another one is elected. In seconds.",
      ),
  }),
  [
    {
      cel: "!(has(self.candidates) && has(self.candidateLabels))",
      holds: ({ candidates, candidateLabels }) => candidates === undefined || candidateLabels === undefined,
      message: "a controller policy has candidates or candidateLabels, not both",
    },
    {
      cel: "!has(self.candidates) || self.preference.all(node, node in self.candidates)",
      holds: ({ candidates, preference }) =>
        candidates === undefined || preference.every((node) => candidates.includes(node)),
      message: "every node of preference is one of candidates",
    },
    {
      cel: "self.replicas % 2 == 1",
      holds: ({ replicas }) => replicas % 2 === 1,
      message: "replicas is 1, 3, 5 or 7: an even number survives no more losses than the odd one below it",
    },
  ],
);
