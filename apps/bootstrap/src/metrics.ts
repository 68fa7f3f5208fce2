import { generationOf } from "@cluster-os/admission";
import type { AutopilotStatus, ControlPlaneStatus, NodeStatus } from "@cluster-os/api";

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[];
}

/** What bootstrap tells Prometheus (text format 0.0.4): numbers only, no names of nodes and no keys. */
export function renderMetrics(status: NodeStatus): string {
  const metrics = [
    ...memberMetrics(status),
    ...controlPlaneMetrics(status.controlPlane),
    ...ownMetrics(status),
  ];
  return metrics.map(render).join("");
}

function memberMetrics({ members }: NodeStatus): readonly Metric[] {
  const samples = Object.entries(members).map(([status, value]) => ({ labels: { status }, value }));
  return [gauge("members", "Admitted members by how this machine sees them.", samples)];
}

function controlPlaneMetrics({ voters, learners, leader, autopilot }: ControlPlaneStatus): readonly Metric[] {
  return [
    one("voters", "Members of etcd that vote.", voters.length),
    one("voters_healthy", "Those of them that answer.", voters.filter(({ healthy }) => healthy).length),
    one("learners", "Members of etcd on their way to a vote.", learners.length),
    one("has_leader", "Whether this machine knows etcd's leader.", Number(leader !== undefined)),
    ...(autopilot ? autopilotMetrics(autopilot) : []),
  ];
}

/** Of ready servers only. */
function autopilotMetrics({
  epoch,
  wanted,
  action,
  pause,
  held,
  isLeader,
}: AutopilotStatus): readonly Metric[] {
  return [
    one("roles_epoch", "Counts the decisions about who serves.", epoch),
    one("restore_generation", "How often the control plane was recovered.", generationOf(epoch)),
    one("autopilot_wanted_voters", "How many voters a cluster of this size wants.", wanted),
    one("autopilot_acts", "Whether something is to be changed now.", Number(action !== "nothing")),
    one("autopilot_paused", "Whether a person stopped it.", Number(pause !== undefined)),
    one(
      "autopilot_held",
      "Whether a server that is to go has nobody to take its place.",
      Number(held !== undefined),
    ),
    one("autopilot_leads", "Whether this server carries it out.", Number(isLeader)),
  ];
}

function ownMetrics({ kubernetes, problems, counters }: NodeStatus): readonly Metric[] {
  const samples = Object.entries(counters).map(([what, value]) => ({ labels: { what }, value }));
  return [
    one(
      "kubernetes_ready",
      "Whether Kubernetes works on this machine.",
      Number(kubernetes.state === "ready"),
    ),
    one("problems", "What a person should know; `cluster-os status` says it.", problems.length),
    { ...gauge("protocol_total", "What the protocol did since its start.", samples), type: "counter" },
  ];
}

function one(name: string, help: string, value: number): Metric {
  return gauge(name, help, [{ value }]);
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `cluster_os_${name}`, help, type: "gauge", samples };
}

function render({ name, help, type, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}
