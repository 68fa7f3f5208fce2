import { DEFAULT_FORMATION_CONFIG, patientFormation } from "../src/config.ts";
import { expect } from "chai";
import { openFounderSecrets } from "@cluster-os/admission";
import { nodeIdOf, publicKeyOf } from "@cluster-os/identity";
import { compareText } from "@cluster-os/std";
import { frame } from "../src/frame.ts";
import { signBeacon } from "../src/beacon.ts";
import { JoinKey } from "../src/join-key.ts";
import { World, type Machine } from "./support/world.ts";

const clustersOf = (machines: readonly Machine[]): Set<string | undefined> =>
  new Set(machines.map(({ clusterId }) => clusterId));

describe("genesis", () => {
  it("makes one cluster of the machines that were expected", () => {
    const world = new World();
    const machines = [1, 2, 3].map(() => world.add({ expect: 3 }));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 7_000);
    expect(clustersOf(machines).size).to.equal(1);
    const { payload } = machines[0]!.formation.ledger!.genesis;
    expect(payload.founders.map(({ nodeId }) => nodeId)).to.deep.equal(
      machines.map(({ nodeId }) => nodeId).sort(compareText),
    );
    expect(payload.founders.map(({ index }) => index)).to.deep.equal([1, 2, 3]);
    expect(payload.servers).to.have.length(3);
    expect(machines.every(({ store }) => store.state.authoritySeed !== undefined)).to.equal(true);
  });

  it("names no more servers than it may, and gives the authority's key to nobody else", () => {
    const world = new World({ maxServers: 1 });
    const machines = [1, 2, 3].map(() => world.add({ expect: 3 }));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 7_000);
    const { servers } = machines[0]!.formation.ledger!.genesis.payload;
    expect(servers).to.have.length(1);
    const holders = machines.filter(({ store }) => store.state.authoritySeed !== undefined);
    expect(holders.map(({ nodeId }) => nodeId)).to.deep.equal(servers);
  });

  it("waits for the number that was expected", () => {
    const world = new World();
    const machines = [1, 2].map(() => world.add({ expect: 3 }));
    world.run(120_000);
    expect(clustersOf(machines)).to.deep.equal(new Set([undefined]));
    expect(machines[0]!.formation.candidateCount(world.now)).to.equal(2);
    expect(machines[0]!.formation.stage).to.equal("searching");
  });

  it("heeds the largest number that anyone expects, and says that they differ", () => {
    const world = new World();
    const machines = [world.add({ expect: 1 }), world.add({ expect: 3 })];
    // The first may have founded alone before it heard the second; here both hear each other from the start.
    world.run(20_000);
    expect(machines[1]!.clusterId).to.equal(undefined);
    expect(machines[1]!.of("diagnostic").map(({ diagnostic }) => diagnostic.kind)).to.not.include(
      "foreign-tag",
    );
  });

  it("without a number, takes those of a view that stays as it is", () => {
    const world = new World();
    const machines = [1, 2].map(() => world.add());
    world.run(9_000);
    expect(clustersOf(machines)).to.deep.equal(new Set([undefined]));
    machines.push(world.add());
    world.run(9_000);
    expect(clustersOf(machines)).to.deep.equal(new Set([undefined]));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 10_000);
    expect(clustersOf(machines).size).to.equal(1);
    expect(machines[0]!.formation.ledger!.roster.entries()).to.have.length(3);
  });

  it("alone, waits longer, and then founds alone, with or without a join key", () => {
    for (const joinKey of [undefined, "none" as const]) {
      const world = new World();
      const machine = world.add(joinKey ? { joinKey } : {});
      world.run(59_000);
      expect(machine.clusterId).to.equal(undefined);
      world.run(2_000);
      expect(machine.clusterId).to.not.equal(undefined);
    }
  });

  it("goes on when the proposer dies half-way, and it catches up when it returns", () => {
    const world = new World();
    const machines = [1, 2, 3].map(() => world.add({ expect: 3 }));
    const proposer = machines.find((machine) => machines.every(({ nodeId }) => nodeId >= machine.nodeId))!;
    const hasAccepted = ({ store }: Machine): boolean => store.state.genesisBallot.accepted !== undefined;
    world.isLinked = (from, to) => to !== proposer || !hasAccepted(from);
    world.runUntil(() => machines.filter((machine) => machine !== proposer).some(hasAccepted), 10_000);
    world.stop(proposer);
    world.isLinked = () => true;
    const others = machines.filter((machine) => machine !== proposer);
    world.runUntil(() => others.every(({ clusterId }) => clusterId !== undefined), 30_000);
    world.start(proposer);
    world.runUntil(() => proposer.clusterId !== undefined, 10_000);
    expect(clustersOf(machines).size).to.equal(1);
    expect(proposer.formation.ledger!.roster.isFounder(proposer.nodeId)).to.equal(true);
  });

  it("is left alone by machines that find a cluster, however many they are", () => {
    const world = new World();
    const founders = [1, 2].map(() => world.add({ expect: 2 }));
    world.runUntil(() => founders.every(({ clusterId }) => clusterId !== undefined), 10_000);
    const late = [1, 2, 3].map(() => world.add({ expect: 2 }));
    world.run(30_000);
    expect(clustersOf(late)).to.deep.equal(new Set([undefined]));
    expect(late.map(({ formation }) => formation.stage)).to.deep.equal(["applying", "applying", "applying"]);
  });

  it("hands each founder its secrets and nobody else's", () => {
    const world = new World();
    const machines = [1, 2].map(() => world.add({ expect: 2 }));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 10_000);
    const { genesis } = machines[0]!.formation.ledger!;
    const [server, worker] = genesis.payload.founders.map(({ nodeId }) =>
      machines.find((machine) => machine.nodeId === nodeId)!,
    );
    expect(openFounderSecrets(genesis, server!.nodeId, server!.sealing).authoritySeed).to.not.equal(
      undefined,
    );
    expect(worker!.store.state.authoritySeed).to.equal(undefined);
    expect(() => openFounderSecrets(genesis, server!.nodeId, worker!.sealing)).to.throw("does not open");
  });

  it("is not joined by machines with another join key, which are named once", () => {
    const world = new World();
    const own = [1, 2].map(() => world.add({ expect: 2 }));
    const foreign = world.add({ expect: 2, joinKey: new Uint8Array(32).fill(6) });
    world.run(30_000);
    expect(clustersOf(own).size).to.equal(1);
    expect(foreign.clusterId).to.equal(undefined);
    const named = own[0]!.of("diagnostic").filter(({ diagnostic }) => diagnostic.kind === "foreign-tag");
    expect(named).to.have.length(1);
    expect(named[0]!.diagnostic).to.deep.include({ nodeId: foreign.nodeId });
  });

  it("is not swayed by a machine that copied the tag", () => {
    const world = new World();
    const machines = [1, 2].map(() => world.add({ expect: 3 }));
    const forger = world.add({ joinKey: new Uint8Array(32).fill(9) });
    world.stop(forger);
    const copied = new JoinKey(new Uint8Array(32).fill(9));
    Object.assign(copied, { tag: new JoinKey(new Uint8Array(32).fill(5)).tag });
    for (let sequence = 1; sequence < 40; sequence += 1) {
      const beacon = {
        wireguardKey: new Uint8Array(32),
        sealingKey: new Uint8Array(32),
        lanSubnets: [],
        instance: new Uint8Array(8),
      };
      const bytes = frame(
        signBeacon(
          { ...beacon, bootCounter: 1, sequence, seenCount: 50, expect: 1 },
          forger.identity,
          copied,
        ),
      );
      for (const machine of machines) world.feed(machine, { kind: "datagram", from: forger.address, bytes });
      world.run(500);
    }
    expect(clustersOf(machines)).to.deep.equal(new Set([undefined]));
    expect(machines[0]!.formation.candidateCount(world.now)).to.equal(2);
  });

  it("refuses when no address plan avoids the founders' networks", () => {
    const world = new World();
    const everything = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    const machine = world.add({ expect: 1, lanSubnets: [...everything, "0.0.0.0/0"] });
    world.run(5_000);
    expect(machine.clusterId).to.equal(undefined);
    expect(machine.formation.diagnostics(world.now).map(({ kind }) => kind)).to.deep.equal([
      "no-address-plan",
    ]);
  });
});

describe("application", () => {
  function cluster(world: World, count = 3): Machine[] {
    const machines = Array.from({ length: count }, () => world.add({ expect: count }));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 10_000);
    return machines;
  }

  /** Lets the servers admit whoever applies, as the app does with indexes from the API. */
  function admitAll(world: World, servers: readonly Machine[]): void {
    const indexes = new Map<string, number>();
    for (const server of servers) {
      for (const { applicant } of server.of("application")) {
        if (!indexes.has(applicant.nodeId)) indexes.set(applicant.nodeId, 10 + indexes.size);
        world.feed(server, {
          kind: "admit",
          nodeId: applicant.nodeId,
          index: indexes.get(applicant.nodeId)!,
        });
      }
    }
  }

  it("is announced by a server and answered once the node is admitted", () => {
    const world = new World();
    const members = cluster(world);
    const newcomer = world.add({ expect: 3 });
    world.runUntil(() => members.some((member) => member.of("application").length > 0), 10_000);
    expect(newcomer.formation.stage).to.equal("applying");
    const { applicant } = members.flatMap((member) => member.of("application"))[0]!;
    expect(applicant).to.deep.include({ nodeId: newcomer.nodeId, hasJoinKey: true });
    admitAll(world, members);
    world.runUntil(() => newcomer.clusterId !== undefined, 15_000);
    expect(newcomer.clusterId).to.equal(members[0]!.clusterId);
    expect(newcomer.formation.ledger!.roster.indexOf(newcomer.nodeId)).to.equal(10);
    expect(newcomer.store.state.authoritySeed).to.equal(undefined);
    expect(newcomer.store.state.ringKeys).to.deep.equal(members[0]!.store.state.ringKeys);
  });

  it("is passed on by a member that does not serve, and the answer comes back through it", () => {
    const world = new World();
    const members = cluster(world, 2);
    const server = members.find(({ store }) => store.state.authoritySeed)!;
    const worker = members.find((member) => member !== server)!;
    const newcomer = world.add({ expect: 2 });
    world.isLinked = (from, to) => ![from, to].includes(newcomer) || [from, to].includes(worker);
    world.runUntil(() => server.of("application").length > 0, 20_000);
    admitAll(world, [server]);
    world.runUntil(() => newcomer.clusterId !== undefined, 20_000);
    expect(newcomer.clusterId).to.equal(server.clusterId);
  });

  it("of a machine without a join key is announced as such, and answered when someone approves", () => {
    const world = new World();
    const members = cluster(world, 1);
    const newcomer = world.add({ joinKey: "none" });
    world.runUntil(() => members[0]!.of("application").length > 0, 20_000);
    expect(members[0]!.of("application")[0]!.applicant.hasJoinKey).to.equal(false);
    world.run(30_000);
    expect(newcomer.clusterId).to.equal(undefined);
    expect(newcomer.formation.stage).to.equal("pending");
    expect(newcomer.formation.diagnostics(world.now).map(({ kind }) => kind)).to.include("no-join-key");
    admitAll(world, members);
    world.runUntil(() => newcomer.clusterId !== undefined, 20_000);
  });

  it("of an admitted node that lost the answer is answered by any member", () => {
    const world = new World();
    const members = cluster(world, 2);
    const worker = members.find(({ store }) => !store.state.authoritySeed)!;
    const newcomer = world.add({ expect: 2 });
    world.runUntil(() => members.some((member) => member.of("application").length > 0), 20_000);
    admitAll(world, members);
    world.runUntil(() => newcomer.clusterId !== undefined, 20_000);
    world.stop(newcomer);
    newcomer.disk = undefined;
    for (const member of members) if (member !== worker) world.stop(member);
    world.start(newcomer);
    expect(newcomer.clusterId).to.equal(undefined);
    world.runUntil(() => newcomer.clusterId !== undefined, 30_000);
    expect(newcomer.formation.ledger!.roster.indexOf(newcomer.nodeId)).to.equal(10);
  });

  it("of a founder that lost its state gives it back its part of the genesis record", () => {
    const world = new World();
    const members = cluster(world, 2);
    const server = members.find(({ store }) => store.state.authoritySeed)!;
    world.stop(server);
    server.disk = undefined;
    world.start(server);
    // Whatever reaches it first: what was decided, or the answer to its application.
    world.runUntil(() => server.clusterId !== undefined, 30_000);
    expect(server.store.state.authoritySeed).to.not.equal(undefined);
  });

  it("is not needed by a member that restarts", () => {
    const world = new World();
    const members = cluster(world);
    const [first] = members as [Machine];
    const before = first.clusterId;
    world.stop(first);
    world.isLinked = () => false;
    first.effects.length = 0;
    world.start(first);
    expect(first.clusterId).to.equal(before);
    expect(first.of("admitted")).to.have.length(1);
  });

  it("goes only to members that hold the join key", () => {
    const world = new World();
    const stranger = world.add({ joinKey: "none" });
    world.run(61_000);
    expect(stranger.clusterId).to.not.equal(undefined);
    const machine = world.add({ expect: 2 });
    world.run(20_000);
    expect(machine.formation.stage).to.equal("searching");
    expect(stranger.of("application")).to.have.length(0);
  });
});

describe("a cloned disk", () => {
  it("is named by both copies and by others, and does not count twice", () => {
    const world = new World();
    const machines = [
      world.add({ expect: 3 }),
      world.add({ expect: 3, keysOf: 1 }),
      world.add({ expect: 3 }),
    ];
    world.run(20_000);
    expect(clustersOf(machines)).to.deep.equal(new Set([undefined]));
    for (const machine of machines) {
      const named = machine
        .of("diagnostic")
        .filter(({ diagnostic }) => diagnostic.kind === "duplicate-identity");
      expect(named, machine.address).to.have.length(1);
      expect(named[0]!.diagnostic).to.deep.include({ nodeId: nodeIdOf(publicKeyOf(machines[0]!.nodeId)) });
    }
  });

  it("is not confused with a restart", () => {
    const world = new World();
    const machines = [world.add({ expect: 3 }), world.add({ expect: 3 })];
    for (let restart = 0; restart < 3; restart += 1) {
      world.run(5_000);
      world.stop(machines[1]!);
      world.start(machines[1]!);
    }
    world.run(20_000);
    expect(machines.flatMap((machine) => machine.of("diagnostic"))).to.deep.equal([]);
  });
});

describe("epochs", () => {
  function founded(): { world: World; servers: Machine[] } {
    const world = new World();
    const machines = [1, 2, 3].map(() => world.add({ expect: 3 }));
    world.runUntil(() => machines.every(({ clusterId }) => clusterId !== undefined), 10_000);
    const { servers } = machines[0]!.formation.ledger!.genesis.payload;
    return {
      world,
      servers: servers.map((nodeId) => machines.find((machine) => machine.nodeId === nodeId)!),
    };
  }
  const isEstablished = (machine: Machine): boolean => machine.formation.ledger?.established !== undefined;

  it("begin with the first server, and end once a majority joined", () => {
    const { world, servers } = founded();
    for (const server of servers) {
      expect(server.of("epoch")).to.deep.equal([
        { kind: "epoch", epoch: 0, initialiser: servers[0]!.nodeId },
      ]);
    }
    world.feed(servers[0]!, { kind: "joined", epoch: 0 });
    world.run(5_000);
    expect(servers.some(isEstablished)).to.equal(false);
    world.feed(servers[2]!, { kind: "joined", epoch: 0 });
    world.runUntil(() => servers.every(isEstablished), 5_000);
    expect(servers[1]!.of("established")[0]!.established).to.deep.include({
      epoch: 0,
      initialiser: servers[0]!.nodeId,
    });
  });

  it("go on under another initialiser when the first is lost; it yields when it returns", () => {
    const { world, servers } = founded();
    const [first, second, third] = servers as [Machine, Machine, Machine];
    world.stop(first);
    world.runUntil(() => second.formation.epoch?.epoch === 1 && third.formation.epoch?.epoch === 1, 30_000);
    expect(second.formation.epoch).to.deep.equal({ epoch: 1, initialiser: second.nodeId });
    world.start(first);
    world.feed(first, { kind: "joined", epoch: 0 });
    world.runUntil(() => first.formation.epoch?.epoch === 1, 10_000);
    for (const server of [second, third]) world.feed(server, { kind: "joined", epoch: 1 });
    world.runUntil(() => servers.every(isEstablished), 10_000);
    expect(first.of("established")[0]!.established).to.deep.include({ epoch: 1, initialiser: second.nodeId });
  });

  it("are refused by a server that joined, which names what is the matter", () => {
    const { world, servers } = founded();
    const [first, second, third] = servers as [Machine, Machine, Machine];
    world.isLinked = (from, to) => from !== second || to !== first;
    world.feed(second, { kind: "joined", epoch: 0 });
    world.stop(first);
    world.run(60_000);
    expect(third.formation.epoch?.epoch).to.equal(0);
    expect(second.formation.diagnostics(world.now).map(({ kind }) => kind)).to.include("initialiser-lost");
  });

  it("never follow an established one", () => {
    const { world, servers } = founded();
    for (const server of servers.slice(0, 2)) world.feed(server, { kind: "joined", epoch: 0 });
    world.runUntil(() => servers.every(isEstablished), 5_000);
    world.stop(servers[0]!);
    world.run(60_000);
    expect(servers[1]!.formation.epoch?.epoch).to.equal(0);
  });

  it("of a single server are established by itself", () => {
    const world = new World();
    const machine = world.add({ expect: 1 });
    world.runUntil(() => machine.clusterId !== undefined, 5_000);
    world.feed(machine, { kind: "joined", epoch: 0 });
    expect(isEstablished(machine)).to.equal(true);
  });
});

describe("patience", () => {
  it("gives others longer to answer, and usual hardware what it had", () => {
    expect(patientFormation(1)).to.deep.equal({});
    const patient = { ...DEFAULT_FORMATION_CONFIG, ...patientFormation(10) };
    const { ballotTimeoutMs, beaconMs, applicationMs, applicationMaxMs } = patient;
    expect(ballotTimeoutMs).to.equal(10 * DEFAULT_FORMATION_CONFIG.ballotTimeoutMs);
    expect(beaconMs).to.equal(DEFAULT_FORMATION_CONFIG.beaconMs);
    expect(applicationMaxMs).to.equal(2 * applicationMs);
    expect(patientFormation(2).applicationMaxMs).to.equal(DEFAULT_FORMATION_CONFIG.applicationMaxMs);
  });
});
