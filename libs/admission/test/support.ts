import {
  generateAgreementKey,
  generateIdentity,
  generateSigningKey,
  type AgreementKey,
  type Identity,
} from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";
import { createGenesis, type Founder, type Genesis, type GenesisRequest } from "../src/index.ts";

export const rng = seededRng(20);
export const authority = generateSigningKey(rng);
export const plan = { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" };

export interface TestNode {
  readonly identity: Identity;
  readonly sealing: AgreementKey;
  readonly founder: Founder;
}

export function testNode(index: number): TestNode {
  const own = seededRng(1000 + index);
  const identity = generateIdentity(own);
  const sealing = generateAgreementKey(own);
  const wireguardKey = generateAgreementKey(own).publicKey;
  return {
    identity,
    sealing,
    founder: { nodeId: identity.nodeId, wireguardKey, sealingKey: sealing.publicKey, index },
  };
}

export const alice = testNode(1);
export const bob = testNode(2);
export const carol = testNode(3);

export function genesisOf(change: Partial<GenesisRequest> = {}): Genesis {
  return createGenesis({
    founders: [alice.founder, bob.founder],
    servers: [alice.identity.nodeId],
    addressPlan: plan,
    authority,
    ringKey: { id: 1, key: new Uint8Array(32).fill(7) },
    createdAt: 1_700_000_000_000,
    rng: seededRng(30),
    ...change,
  });
}
