import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeadmServerCredentials } from "../src/credentials.ts";
import type { NodePlacement, ServerAddress } from "../src/index.ts";
import type { MachineFacts } from "../src/machine.ts";

export const server = (index: number): ServerAddress => ({
  nodeName: nodeName(index),
  address: `10.86.0.${index}`,
});

export const nodeName = (index: number): string => `n-aaaaaaaaa${index}`;

export function placement(index: number, servers: readonly number[] = []): NodePlacement {
  return {
    nodeName: nodeName(index),
    index,
    meshAddress: `10.86.0.${index}`,
    podNetwork: `10.112.${index}.0/24`,
    meshMtu: 1420,
    addressPlan: { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" },
    servers: servers.map(server),
  };
}

export const realMachine: MachineFacts = {
  cgroupVersion: 2,
  canLowerOomScore: true,
  hasAppArmor: true,
  hasResolvConf: true,
  nameservers: ["192.168.1.1"],
};

/** A machine in the lab: control groups v1, few capabilities, no outside world. */
export const labMachine: MachineFacts = {
  cgroupVersion: 1,
  canLowerOomScore: false,
  hasAppArmor: false,
  hasResolvConf: false,
  nameservers: [],
};

/** When it is in tests: certificates of {@link certificateEnding} are older and younger than this. */
export const NOW = Date.UTC(2026, 10, 21);

/** A certificate in PEM that begins with the year 2026. */
export function certificateEnding(day: "2026-11-20" | "2026-12-30" | "2027-03-01" | "2027-11-21"): string {
  return readFileSync(join(import.meta.dirname, `data/certificates/ends-${day}.crt`), "utf8");
}

/** As it is made on the day of the tests, for a year. */
export const NEW_CERTIFICATE = certificateEnding("2027-11-21");

export const CA_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIfake\n-----END CERTIFICATE-----\n";

export const serverCredentials: KubeadmServerCredentials = {
  distribution: "kubeadm",
  role: "server",
  token: "abcdef.0123456789abcdef",
  caCertificate: CA_CERTIFICATE,
  certificateKey: "0123456789abcdef".repeat(4),
  secretsKey: Buffer.alloc(32, 7).toString("base64"),
};
