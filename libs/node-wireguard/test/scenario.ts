import type { DeviceState, WireGuardDevice } from "@cluster-os/mesh";

/** X25519 private key, clamped. */
export const PRIVATE_KEY = key(0x40);
export const PEERS = [key(0x41), key(0x42)] as const;

/** What was asked, and what came of it: a value, or the message of an error. */
export interface Step {
  readonly what: string;
  readonly result: unknown;
}

/**
 * One of everything, on an interface cos0 without settings: recorded on a real kernel (guest/record.ts), replayed against the
 * recording (transcript.test.ts).
 */
export async function playScenario(device: WireGuardDevice): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const step = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    const result = await act().catch((error: unknown) => (error as Error).message);
    steps.push({ what, result });
  };
  const [first, second] = PEERS;
  await step("list", () => device.list());
  await step("get: nothing yet", () => device.get("cos0").then(readable));
  await step("configure: key, port, two peers", () =>
    device.configure("cos0", {
      privateKey: PRIVATE_KEY,
      listenPort: 51820,
      peers: [
        {
          kind: "set-peer",
          publicKey: first,
          endpoint: "192.0.2.7:51821",
          allowedIps: ["10.86.0.2/32", "10.112.2.0/24", "fd86::/48"],
          persistentKeepaliveS: 25,
        },
        { kind: "set-peer", publicKey: second, endpoint: "[fe80::7%eth0]:51820", allowedIps: [] },
      ],
    }),
  );
  await step("get: two peers", () => device.get("cos0").then(readable));
  await step("configure: one moves over IPv6, one goes", () =>
    device.configure("cos0", {
      peers: [
        { kind: "set-peer", publicKey: first, endpoint: "[2001:db8::7]:51820" },
        { kind: "remove-peer", publicKey: second },
      ],
    }),
  );
  await step("get: one peer", () => device.get("cos0").then(readable));
  await step("get: no such interface", () => device.get("none0"));
  await step("get: none of WireGuard's", () => device.get("eth0"));
  await step("configure: none of WireGuard's", () => device.configure("eth0", { peers: [] }));
  await step("remove: none of WireGuard's", () => device.remove("eth0"));
  await step("remove", () => device.remove("cos0"));
  await step("remove again", () => device.remove("cos0"));
  await step("list: nothing left", () => device.list());
  return steps;
}

/** Keys as text, so that a recording can be read. */
function readable({ publicKey, peers, ...device }: DeviceState): unknown {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  return {
    ...device,
    ...(publicKey && { publicKey: text(publicKey) }),
    peers: peers.map((peer) => ({ ...peer, publicKey: text(peer.publicKey) })),
  };
}

function key(byte: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(byte);
  bytes[0] = byte & 248;
  return bytes;
}
