import { invariant } from "@cluster-os/std";
import type { NetworkPlan } from "../distribution.ts";

/** Address of the cluster's DNS: the tenth of the service network, which is where kubeadm points kubelets to. */
export function dnsAddress(plan: NetworkPlan): string {
  const [base = ""] = plan.services.split("/");
  const bytes = base.split(".").map(Number);
  invariant(
    bytes.length === 4 && bytes.every((byte) => byte >= 0 && byte <= 255),
    "services is an IPv4 CIDR",
  );
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0) + 10;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
