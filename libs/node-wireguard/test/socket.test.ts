import { expect } from "chai";
import { WireGuardError } from "@cluster-os/mesh";
import { kernelHasWireGuard, KernelWireGuard, openNetlink } from "../src/index.ts";
import { NetlinkConnection } from "../src/netlink/connection.ts";
import { resolveFamily } from "../src/netlink/generic.ts";
import { findLink, listLinks } from "../src/netlink/links.ts";
import { NETLINK } from "../src/netlink/socket.ts";

/** The native part, on this machine's own kernel. Nothing is changed. */
describe("a socket to this machine's kernel", () => {
  it("resolves generic netlink's own family, which has the same number everywhere", async () => {
    using connection = new NetlinkConnection(openNetlink, NETLINK.GENERIC);
    expect(await resolveFamily(connection, "nlctrl")).to.equal(16);
  });

  it("says that there is no family of a name that is none", async () => {
    using connection = new NetlinkConnection(openNetlink, NETLINK.GENERIC);
    expect(await resolveFamily(connection, "cos-no-family")).to.equal(undefined);
  });

  it("finds the loopback interface by name, by index and in the list", async () => {
    using connection = new NetlinkConnection(openNetlink, NETLINK.ROUTE);
    const lo = { index: 1, name: "lo" };
    expect(await findLink(connection, { name: "lo" })).to.deep.equal(lo);
    expect(await findLink(connection, { index: 1 })).to.deep.equal(lo);
    expect(await listLinks(connection)).to.deep.include(lo);
    expect(await findLink(connection, { name: "cos-none" })).to.equal(undefined);
  });

  it("waits no longer than it is told to", async () => {
    const socket = openNetlink(NETLINK.GENERIC);
    const failure = await socket.receive(20).catch((error: unknown) => error);
    socket.close();
    expect(failure).to.include({ errno: 110, syscall: "poll" });
  });

  it("can be closed while a call waits, and then fails at once", async () => {
    const socket = openNetlink(NETLINK.GENERIC);
    const waiting = socket.receive(50).catch((error: unknown) => error);
    socket.close();
    socket.close();
    expect(() => socket.receive(50))
      .to.throw()
      .with.property("errno", 9);
    expect(await waiting).to.have.property("errno", 110);
  });

  it("refuses what is no message, no timeout, no socket", async () => {
    const socket = openNetlink(NETLINK.GENERIC);
    expect(() => socket.send("text" as unknown as Uint8Array)).to.throw(TypeError, "Uint8Array");
    expect(() => socket.send(new Uint8Array()))
      .to.throw()
      .with.property("errno", 22);
    for (const timeout of [-1, 60_001, "x" as unknown as number])
      expect(() => socket.receive(timeout)).to.throw(RangeError);
    const { send } = Object.getPrototypeOf(socket) as { send: () => void };
    expect(() => send.call({})).to.throw(TypeError);
    expect(() => openNetlink(99))
      .to.throw()
      .with.property("errno", 93);
    socket.close();
  });

  it("gives its files back", () => {
    for (let count = 0; count < 5_000; count += 1) openNetlink(NETLINK.GENERIC).close();
  });

  it("names an interface that is none of WireGuard's, or says that the kernel has no WireGuard", async () => {
    const device = new KernelWireGuard();
    const failure = await device.get("lo").catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(WireGuardError);
    if (await kernelHasWireGuard())
      expect(String(failure)).to.include("lo is none of the kernel's WireGuard");
    else expect(String(failure)).to.include("this kernel has no WireGuard: install its module");
    expect(await device.list()).not.to.include("lo");
  });
});
