import { expect } from "chai";
import fc from "fast-check";
import { sshPorts, type SshFacts } from "../src/index.ts";

const NOTHING: SshFacts = { effective: undefined, configuration: undefined, sockets: undefined };

const ROWS: readonly {
  readonly name: string;
  readonly facts: Partial<SshFacts>;
  readonly ports: readonly number[];
}[] = [
  { name: "nothing is known", facts: {}, ports: [22] },
  {
    name: "sshd says its port",
    facts: { effective: "port 2222\naddressfamily any\nlistenaddress [::]:2222\n" },
    ports: [2222],
  },
  { name: "sshd says several", facts: { effective: "port 22\nport 2022\n" }, ports: [22, 2022] },
  {
    name: "a port stands in an address alone",
    facts: { effective: "listenaddress 10.0.0.7:2022\nlistenaddress [fe80::1%eth0]:2023\n" },
    ports: [2022, 2023],
  },
  {
    name: "systemd listens in sshd's place",
    facts: { effective: "port 22\n", sockets: "Listen=[::]:2200 (Stream)\nListen=0.0.0.0:2201 (Stream)\n" },
    ports: [22, 2200, 2201],
  },
  {
    name: "a socket of another kind",
    facts: { sockets: "Listen=/run/ssh.sock (Stream)\nListen=[::]:53 (Datagram)\n" },
    ports: [22],
  },
  {
    name: "sshd cannot be asked: its files count, and 22 besides",
    facts: { configuration: "# Port 99\nPort 2222\n  port=2223\nMatch all\n" },
    ports: [22, 2222, 2223],
  },
  {
    name: "sshd answers, so its files do not count",
    facts: { effective: "port 2222\n", configuration: "Port 22\n" },
    ports: [2222],
  },
  { name: "a port that is none", facts: { effective: "port 0\nport 70000\nport x\n" }, ports: [22] },
];

describe("sshPorts", () => {
  for (const { name, facts, ports } of ROWS) {
    it(name, () => expect(sshPorts({ ...NOTHING, ...facts })).to.deep.equal(ports));
  }

  it("always gives a port, of any text", () => {
    fc.assert(
      fc.property(fc.option(fc.string(), { nil: undefined }), fc.string(), (effective, sockets) => {
        const ports = sshPorts({ effective, configuration: sockets, sockets });
        expect(ports).to.not.be.empty;
        expect(ports.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)).to.equal(true);
      }),
    );
  });
});
