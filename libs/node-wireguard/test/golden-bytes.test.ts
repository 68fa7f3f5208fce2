import { expect } from "chai";
import { concatBytes, fromHex, toHex } from "@cluster-os/std";
import type { DeviceChange } from "@cluster-os/mesh";
import { encodeChange } from "../src/configure.ts";
import { genericPayload } from "../src/netlink/generic.ts";
import { linkPayload, readLink } from "../src/netlink/links.ts";
import { encodeMessage, NLM_F, readMessages, readOutcome } from "../src/netlink/message.ts";
import { text } from "../src/netlink/attributes.ts";
import { deviceState, parseDevice } from "../src/parse.ts";
import { WG_CMD, WGDEVICE_A } from "../src/uapi.ts";

/** Bytes written as they lie: offset, hexadecimal digits, what they are. */
type Golden = readonly (readonly [offset: number, hex: string, meaning: string])[];

function bytesOf(golden: Golden): Uint8Array {
  let length = 0;
  for (const [offset, hex] of golden) {
    expect(offset, `the offset of ${hex}`).to.equal(length);
    length += hex.length / 2;
  }
  return fromHex(golden.map(([, hex]) => hex).join(""));
}

const key = (byte: string): string => byte.repeat(32);

/** 24 bytes of header and name that every message about a device begins with. */
const COS0: Golden = [
  [0, "0900", "9 bytes of attribute"],
  [2, "0200", "WGDEVICE_A_IFNAME"],
  [4, "636f733000", "cos0 and its end"],
  [9, "000000", "padding"],
];

describe("golden bytes: requests", () => {
  it("CTRL_CMD_GETFAMILY", () => {
    const payload = genericPayload(3, 1, text(2, "wireguard"));
    const request = { type: 16, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 7, payload };
    const golden: Golden = [
      [0, "24000000", "36 bytes"],
      [4, "1000", "GENL_ID_CTRL"],
      [6, "0500", "NLM_F_REQUEST, NLM_F_ACK"],
      [8, "07000000", "sequence"],
      [12, "00000000", "port: the kernel's to fill in"],
      [16, "03", "CTRL_CMD_GETFAMILY"],
      [17, "01", "version"],
      [18, "0000", "reserved"],
      [20, "0e00", "14 bytes of attribute"],
      [22, "0200", "CTRL_ATTR_FAMILY_NAME"],
      [24, "776972656775617264", "wireguard"],
      [33, "00", "its end"],
      [34, "0000", "padding"],
    ];
    expect(toHex(encodeMessage(request))).to.equal(toHex(bytesOf(golden)));
  });

  it("WG_CMD_GET_DEVICE", () => {
    const payload = genericPayload(WG_CMD.GET_DEVICE, 1, text(WGDEVICE_A.IFNAME, "cos0"));
    const request = { type: 0x22, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence: 2, payload };
    const golden: Golden = [
      [0, "20000000", "32 bytes"],
      [4, "2200", "the family's number"],
      [6, "0103", "NLM_F_REQUEST, NLM_F_DUMP"],
      [8, "02000000", "sequence"],
      [12, "00000000", "port"],
      [16, "00", "WG_CMD_GET_DEVICE"],
      [17, "01", "WG_GENL_VERSION"],
      [18, "0000", "reserved"],
      ...COS0.map(([offset, hex, meaning]) => [offset + 20, hex, meaning] as const),
    ];
    expect(toHex(encodeMessage(request))).to.equal(toHex(bytesOf(golden)));
  });

  it("RTM_GETLINK by name, by index, and of all", () => {
    const byName: Golden = [
      [0, "00000000", "family, padding, type"],
      [4, "00000000", "index: not known"],
      [8, "0000000000000000", "flags, change"],
      [16, "0900", "9 bytes of attribute"],
      [18, "0300", "IFLA_IFNAME"],
      [20, "6574683000", "eth0 and its end"],
      [25, "000000", "padding"],
    ];
    expect(toHex(linkPayload({ name: "eth0" }))).to.equal(toHex(bytesOf(byName)));
    expect(toHex(linkPayload({ index: 5 }))).to.equal("00000000" + "05000000" + "0000000000000000");
    expect(toHex(linkPayload({ index: 0 }))).to.equal("00".repeat(16));
  });

  const changes: readonly {
    readonly name: string;
    readonly change: DeviceChange;
    readonly golden: Golden;
  }[] = [
    {
      name: "a key and a port",
      change: { privateKey: fromHex(key("48")), listenPort: 51820, peers: [] },
      golden: [
        ...COS0,
        [12, "2400", "36 bytes of attribute"],
        [14, "0300", "WGDEVICE_A_PRIVATE_KEY"],
        [16, key("48"), "the key"],
        [48, "0600", "6 bytes of attribute"],
        [50, "0600", "WGDEVICE_A_LISTEN_PORT"],
        [52, "6cca", "51820"],
        [54, "0000", "padding"],
      ],
    },
    {
      name: "a peer that goes",
      change: { peers: [{ kind: "remove-peer", publicKey: fromHex(key("02")) }] },
      golden: [
        ...COS0,
        [12, "3400", "52 bytes of peers"],
        [14, "0880", "WGDEVICE_A_PEERS, nested"],
        [16, "3000", "48 bytes of a peer"],
        [18, "0080", "an entry, nested"],
        [20, "2400", "36 bytes of attribute"],
        [22, "0100", "WGPEER_A_PUBLIC_KEY"],
        [24, key("02"), "the key"],
        [56, "0800", "8 bytes of attribute"],
        [58, "0300", "WGPEER_A_FLAGS"],
        [60, "01000000", "WGPEER_F_REMOVE_ME"],
      ],
    },
    {
      name: "a peer over IPv4 with a network",
      change: {
        peers: [
          {
            kind: "set-peer",
            publicKey: fromHex(key("02")),
            endpoint: "192.0.2.7:51821",
            allowedIps: ["10.112.2.0/24"],
            persistentKeepaliveS: 25,
          },
        ],
      },
      golden: [
        ...COS0,
        [12, "7000", "112 bytes of peers"],
        [14, "0880", "WGDEVICE_A_PEERS, nested"],
        [16, "6c00", "108 bytes of a peer"],
        [18, "0080", "an entry, nested"],
        [20, "2400", "36 bytes of attribute"],
        [22, "0100", "WGPEER_A_PUBLIC_KEY"],
        [24, key("02"), "the key"],
        [56, "0800", "8 bytes of attribute"],
        [58, "0300", "WGPEER_A_FLAGS"],
        [60, "02000000", "WGPEER_F_REPLACE_ALLOWEDIPS"],
        [64, "1400", "20 bytes of attribute"],
        [66, "0400", "WGPEER_A_ENDPOINT, struct sockaddr_in"],
        [68, "0200", "AF_INET"],
        [70, "ca6d", "51821 in network byte order"],
        [72, "c0000207", "192.0.2.7"],
        [76, "0000000000000000", "sin_zero"],
        [84, "0600", "6 bytes of attribute"],
        [86, "0500", "WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL"],
        [88, "1900", "25"],
        [90, "0000", "padding"],
        [92, "2000", "32 bytes of allowed addresses"],
        [94, "0980", "WGPEER_A_ALLOWEDIPS, nested"],
        [96, "1c00", "28 bytes of one"],
        [98, "0080", "an entry, nested"],
        [100, "0600", "6 bytes of attribute"],
        [102, "0100", "WGALLOWEDIP_A_FAMILY"],
        [104, "0200", "AF_INET"],
        [106, "0000", "padding"],
        [108, "0800", "8 bytes of attribute"],
        [110, "0200", "WGALLOWEDIP_A_IPADDR"],
        [112, "0a700200", "10.112.2.0"],
        [116, "0500", "5 bytes of attribute"],
        [118, "0300", "WGALLOWEDIP_A_CIDR_MASK"],
        [120, "18", "24"],
        [121, "000000", "padding"],
      ],
    },
    {
      name: "a peer that moves over a link-local address",
      change: {
        peers: [{ kind: "set-peer", publicKey: fromHex(key("02")), endpoint: "[fe80::7%eth0]:51820" }],
      },
      golden: [
        ...COS0,
        [12, "4c00", "76 bytes of peers"],
        [14, "0880", "WGDEVICE_A_PEERS, nested"],
        [16, "4800", "72 bytes of a peer"],
        [18, "0080", "an entry, nested"],
        [20, "2400", "36 bytes of attribute"],
        [22, "0100", "WGPEER_A_PUBLIC_KEY"],
        [24, key("02"), "the key"],
        [56, "2000", "32 bytes of attribute"],
        [58, "0400", "WGPEER_A_ENDPOINT, struct sockaddr_in6"],
        [60, "0a00", "AF_INET6"],
        [62, "ca6c", "51820 in network byte order"],
        [64, "00000000", "flow"],
        [68, "fe800000000000000000000000000007", "fe80::7"],
        [84, "05000000", "scope: eth0's index"],
      ],
    },
  ];
  for (const { name, change, golden } of changes) {
    it(`WG_CMD_SET_DEVICE: ${name}`, () => {
      const indexOf = (zone: string): number | undefined => (zone === "eth0" ? 5 : undefined);
      const messages = encodeChange("cos0", change, { indexOf });
      expect(messages).to.have.length(1);
      expect(toHex(concatBytes(...(messages[0] ?? [])))).to.equal(toHex(bytesOf(golden)));
    });
  }
});

describe("golden bytes: answers", () => {
  it("a device in two parts, the peer of the first going on in the second", () => {
    const first: Golden = [
      [0, "0600", "6 bytes of attribute"],
      [2, "0600", "WGDEVICE_A_LISTEN_PORT"],
      [4, "6cca0000", "51820, padding"],
      [8, "0800070000000000", "WGDEVICE_A_FWMARK"],
      [16, "0800010004000000", "WGDEVICE_A_IFINDEX"],
      [24, "09000200636f733000000000", "WGDEVICE_A_IFNAME"],
      [36, "24000300" + key("48"), "WGDEVICE_A_PRIVATE_KEY"],
      [72, "24000400" + key("49"), "WGDEVICE_A_PUBLIC_KEY"],
      [108, "d8000880", "WGDEVICE_A_PEERS, nested: 216 bytes"],
      [112, "d4000080", "a peer: 212 bytes"],
      [116, "24000100" + key("02"), "WGPEER_A_PUBLIC_KEY"],
      [152, "24000200" + key("00"), "WGPEER_A_PRESHARED_KEY"],
      [188, "14000600", "WGPEER_A_LAST_HANDSHAKE_TIME"],
      [192, "00d2496b00000000", "1,800,000,000 s"],
      [200, "404b4c0000000000", "5,000,000 ns"],
      [208, "0600050019000000", "WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: 25"],
      [216, "0c0008000a00000000000000", "WGPEER_A_TX_BYTES: 10"],
      [228, "0c0007001400000000000000", "WGPEER_A_RX_BYTES: 20"],
      [240, "08000a0001000000", "WGPEER_A_PROTOCOL_VERSION: 1"],
      [248, "20000400", "WGPEER_A_ENDPOINT, struct sockaddr_in6"],
      [252, "0a00ca6c00000000", "AF_INET6, 51820, flow"],
      [260, "fe800000000000000000000000000007", "fe80::7"],
      [276, "05000000", "scope: index 5"],
      [280, "2c000980", "WGPEER_A_ALLOWEDIPS, nested: 44 bytes"],
      [284, "28000080", "one: 40 bytes"],
      [288, "0500030030000000", "WGALLOWEDIP_A_CIDR_MASK: 48"],
      [296, "060001000a000000", "WGALLOWEDIP_A_FAMILY: AF_INET6"],
      [304, "14000200" + "fd86" + "00".repeat(14), "WGALLOWEDIP_A_IPADDR"],
    ];
    const second: Golden = [
      [0, "4c000880", "WGDEVICE_A_PEERS, nested: 76 bytes"],
      [4, "48000080", "a peer: 72 bytes"],
      [8, "24000100" + key("02"), "WGPEER_A_PUBLIC_KEY: the same"],
      [44, "20000980", "WGPEER_A_ALLOWEDIPS, nested: 32 bytes"],
      [48, "1c000080", "one: 28 bytes"],
      [52, "0500030018000000", "WGALLOWEDIP_A_CIDR_MASK: 24"],
      [60, "0600010002000000", "WGALLOWEDIP_A_FAMILY: AF_INET"],
      [68, "080002000a700200", "WGALLOWEDIP_A_IPADDR: 10.112.2.0"],
    ];
    const state = deviceState(parseDevice([first, second].map(bytesOf)), (index) =>
      index === 5 ? "eth0" : undefined,
    );
    expect(state).to.deep.equal({
      name: "cos0",
      publicKey: fromHex(key("49")),
      listenPort: 51820,
      peers: [
        {
          publicKey: fromHex(key("02")),
          endpoint: "[fe80::7%eth0]:51820",
          latestHandshakeMs: 1_800_000_000_005,
          persistentKeepaliveS: 25,
          txBytes: 10,
          rxBytes: 20,
          allowedIps: ["fd86::/48", "10.112.2.0/24"],
        },
      ],
    });
  });

  it("an interface", () => {
    const golden: Golden = [
      [0, "0000feff", "family, padding, type"],
      [4, "04000000", "index"],
      [8, "9000000000000000", "flags, change"],
      [16, "09000300636f733000000000", "IFLA_IFNAME: cos0"],
      [28, "080004008c050000", "IFLA_MTU: 1420"],
      [36, "14001200", "IFLA_LINKINFO: 20 bytes"],
      [40, "0d000100", "IFLA_INFO_KIND"],
      [44, "776972656775617264", "wireguard"],
      [53, "000000", "padding"],
    ];
    const bytes = bytesOf(golden);
    // Longer kinds end with a zero byte, shorter ones in older kernels without.
    expect(readLink(bytes)).to.deep.equal({ index: 4, name: "cos0", kind: "wireguard" });
  });

  const refusal: Golden = [
    [0, "3c000000", "60 bytes"],
    [4, "0200", "NLMSG_ERROR"],
    [6, "0003", "NLM_F_CAPPED, NLM_F_ACK_TLVS"],
    [8, "02000000", "sequence"],
    [12, "97000000", "port"],
    [16, "eaffffff", "-22: EINVAL"],
    [20, "20000000" + "2200" + "0500" + "02000000" + "00000000", "header of the request"],
    [36, "1600", "22 bytes of attribute"],
    [38, "0100", "NLMSGERR_ATTR_MSG"],
    [40, "696e76616c696420707265666978206c656e", "invalid prefix len"],
    [58, "0000", "padding"],
  ];

  it("a refusal with the kernel's own words", () => {
    const [message] = readMessages(bytesOf(refusal));
    const error = message && readOutcome(message);
    expect(error).to.include({ errno: 22, message: "EINVAL: invalid argument (invalid prefix len)" });
  });

  it("done", () => {
    const [acknowledged] = readMessages(
      fromHex("24000000" + "0200" + "0001" + "01000000" + "97000000" + "00000000" + "00".repeat(16)),
    );
    expect(acknowledged && readOutcome(acknowledged)).to.equal(undefined);
    const [done] = readMessages(fromHex("14000000" + "0300" + "1200" + "01000000" + "97000000" + "f0ffffff"));
    expect(done?.flags).to.equal(NLM_F.MULTI | NLM_F.DUMP_INTR);
    expect(done && readOutcome(done)).to.have.property("errno", 16);
  });
});
