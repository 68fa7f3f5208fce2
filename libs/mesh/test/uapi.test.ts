import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "@cluster-os/std";
import { WireGuardError, type DeviceState } from "../src/index.ts";
import { checkAnswer, encodeChange, parseState } from "../src/uapi.ts";

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const same = (privateKey: Uint8Array): Uint8Array => privateKey;

describe("userspace protocol", () => {
  it("encodes a change, never replacing the peers", () => {
    const text = encodeChange({
      privateKey: key(1),
      listenPort: 51820,
      peers: [
        { kind: "remove-peer", publicKey: key(2) },
        {
          kind: "set-peer",
          publicKey: key(3),
          endpoint: "[fe80::1%eth0]:51820",
          allowedIps: ["10.86.0.2/32"],
          persistentKeepaliveS: 25,
        },
      ],
    });
    expect(text.split("\n")).to.deep.equal([
      "set=1",
      `private_key=${toHex(key(1))}`,
      "listen_port=51820",
      `public_key=${toHex(key(2))}`,
      "remove=true",
      `public_key=${toHex(key(3))}`,
      "endpoint=[fe80::1%eth0]:51820",
      "persistent_keepalive_interval=25",
      "replace_allowed_ips=true",
      "allowed_ip=10.86.0.2/32",
      "",
      "",
    ]);
  });

  it("parses a state", () => {
    const answer = [
      `private_key=${toHex(key(1))}`,
      "listen_port=51820",
      "fwmark=0",
      `public_key=${toHex(key(2))}`,
      "preshared_key=0000000000000000000000000000000000000000000000000000000000000000",
      "protocol_version=1",
      "endpoint=[fe80::2%eth0]:51820",
      "last_handshake_time_sec=1800000000",
      "last_handshake_time_nsec=5000000",
      "tx_bytes=10",
      "rx_bytes=20",
      "persistent_keepalive_interval=25",
      "allowed_ip=10.86.0.2/32",
      "allowed_ip=10.112.2.0/24",
      `public_key=${toHex(key(3))}`,
      "last_handshake_time_sec=0",
      "last_handshake_time_nsec=0",
      "persistent_keepalive_interval=0",
      "errno=0",
      "",
      "",
    ].join("\n");
    expect(parseState("cos0", answer, same)).to.deep.equal({
      name: "cos0",
      publicKey: key(1),
      listenPort: 51820,
      peers: [
        {
          publicKey: key(2),
          endpoint: "[fe80::2%eth0]:51820",
          latestHandshakeMs: 1_800_000_000_005,
          txBytes: 10,
          rxBytes: 20,
          persistentKeepaliveS: 25,
          allowedIps: ["10.86.0.2/32", "10.112.2.0/24"],
        },
        { publicKey: key(3), allowedIps: [], rxBytes: 0, txBytes: 0 },
      ],
    });
  });

  const refusals: [string, string][] = [
    ["errno=-98\n\n", "WireGuard interface cos0 refused the request with error 98: the UDP port is in use"],
    ["errno=-22\n\n", "error 22: it does not know a word"],
    ["errno=1\n\n", "error 1: see errno(3)"],
    ["", "cos0 is cut off"],
    ["listen_port=1\n", "cos0 is cut off"],
  ];
  for (const [answer, message] of refusals) {
    it(`says of ${JSON.stringify(answer)}: ${message}`, () => {
      expect(() => checkAnswer("cos0", answer)).to.throw(WireGuardError, message);
    });
  }

  it("parses every state back from the daemon's words", () => {
    fc.assert(
      fc.property(deviceState, (state) => {
        expect(parseState(state.name, render(state), same)).to.deep.equal(state);
      }),
    );
  });

  it("refuses numbers that are none, and never shows a key", () => {
    const broken = [
      `private_key=${"g".repeat(64)}`,
      `private_key=${toHex(key(1)).slice(2)}`,
      "listen_port=-1",
      "listen_port=1e3",
    ];
    for (const line of broken) {
      const failure = thrown(() => parseState("cos0", `${line}\nerrno=0\n\n`, same));
      expect(failure).to.be.instanceOf(WireGuardError);
      expect(String(failure)).to.include("cos0").and.not.include(line.split("=")[1]);
    }
  });

  it("survives damage to a real answer: a state or a WireGuardError, and no peer that is not in the answer", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "errno=0",
        "public_key=zz",
        "private_key=",
        "listen_port=x",
        "endpoint=",
        "rx_bytes=",
        "=",
        "",
      ),
    );
    const damage = fc.array(fc.record({ at: fc.nat(), line: fc.option(line) }), { maxLength: 5 });
    fc.assert(
      fc.property(deviceState, damage, (state, changes) => {
        const lines = render(state).split("\n");
        for (const change of changes)
          lines.splice(change.at % lines.length, 1, ...(change.line === null ? [] : [change.line]));
        const parsed = thrown(() => parseState("cos0", lines.join("\n"), same));
        if (parsed instanceof Error) {
          expect(parsed).to.be.instanceOf(WireGuardError);
          return;
        }
        const known = new Set(state.peers.map(({ publicKey }) => toHex(publicKey)));
        for (const { publicKey } of (parsed as DeviceState).peers) expect(known).to.include(toHex(publicKey));
      }),
      { numRuns: 500 },
    );
  });
});

/** What `act` gives, or the error it throws. */
function thrown(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const counter = fc.nat(Number.MAX_SAFE_INTEGER);
const peerState = fc.record(
  {
    publicKey: bytes32,
    allowedIps: fc.array(fc.constantFrom("10.86.0.2/32", "10.112.2.0/24", "fd00::/64")),
    rxBytes: counter,
    txBytes: counter,
    endpoint: fc.constantFrom("10.0.0.7:51820", "[fe80::7%eth0]:51820"),
    persistentKeepaliveS: fc.integer({ min: 1, max: 65_535 }),
    latestHandshakeMs: fc.integer({ min: 1, max: 2 ** 43 }),
  },
  { requiredKeys: ["publicKey", "allowedIps", "rxBytes", "txBytes"], noNullPrototype: true },
);
const deviceState: fc.Arbitrary<DeviceState> = fc.record(
  {
    name: fc.constant("cos0"),
    publicKey: bytes32,
    listenPort: fc.nat(65_535),
    peers: fc.uniqueArray(peerState, { maxLength: 5, selector: ({ publicKey }) => toHex(publicKey) }),
  },
  { requiredKeys: ["name", "listenPort", "peers"], noNullPrototype: true },
);

/** An answer as wireguard-go writes it (device/uapi.go, IpcGetOperation), for a private key that is its own public key. */
function render(state: DeviceState): string {
  const lines = state.publicKey === undefined ? [] : [`private_key=${toHex(state.publicKey)}`];
  if (state.listenPort !== 0) lines.push(`listen_port=${state.listenPort}`);
  for (const peer of state.peers) {
    const handshakeMs = peer.latestHandshakeMs ?? 0;
    lines.push(
      `public_key=${toHex(peer.publicKey)}`,
      `preshared_key=${"0".repeat(64)}`,
      "protocol_version=1",
    );
    if (peer.endpoint !== undefined) lines.push(`endpoint=${peer.endpoint}`);
    lines.push(`last_handshake_time_sec=${Math.floor(handshakeMs / 1000)}`);
    lines.push(`last_handshake_time_nsec=${(handshakeMs % 1000) * 1e6}`);
    lines.push(`tx_bytes=${peer.txBytes}`, `rx_bytes=${peer.rxBytes}`);
    lines.push(`persistent_keepalive_interval=${peer.persistentKeepaliveS ?? 0}`);
    lines.push(...peer.allowedIps.map((entry) => `allowed_ip=${entry}`));
  }
  return [...lines, "errno=0", "", ""].join("\n");
}
