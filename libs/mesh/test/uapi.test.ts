import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "@cluster-os/std";
import { WireGuardError } from "../src/index.ts";
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

  it("names the interface and the error number of a refusal", () => {
    expect(() => checkAnswer("cos0", "errno=-22\n\n")).to.throw(
      WireGuardError,
      "cos0 refused the change with error -22",
    );
    expect(() => checkAnswer("cos0", "")).to.throw(WireGuardError, "cut off");
  });

  it("refuses garbage with a WireGuardError and nothing else", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("errno=0", "public_key=zz", "private_key=", "listen_port=x", "endpoint="),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseState("cos0", lines.join("\n"), same);
        } catch (error) {
          expect(error).to.be.instanceOf(WireGuardError);
        }
      }),
    );
  });
});
