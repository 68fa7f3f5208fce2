import type { Lab, Machine } from "@cluster-os/lab";
import type { Fault, Program } from "./schedule.ts";

/** A fault that lasts. */
export interface Inflicted {
  /** Whether anything was hit: not every program runs on every machine. */
  readonly isHit: boolean;
  /** Ends it. May be called once. */
  readonly undo: () => Promise<void>;
}

/** Does it, and says how it ends. */
export async function inflict(lab: Lab, fault: Fault): Promise<Inflicted> {
  switch (fault.kind) {
    case "power-cut": {
      const machines = await machinesOf(lab, fault.machines);
      await Promise.all(machines.map((machine) => machine.kill()));
      return {
        isHit: true,
        undo: async () => void (await Promise.all(machines.map((machine) => powerUp(machine)))),
      };
    }
    case "partition":
      await lab.partition(fault.sides);
      return { isHit: true, undo: () => lab.heal() };
    case "kill": {
      const pids = await signalProgram(await machineOf(lab, fault.machine), fault.program, "KILL");
      return { isHit: pids.length > 0, undo: () => Promise.resolve() };
    }
    case "freeze": {
      const machine = await machineOf(lab, fault.machine);
      const pids = await signalProgram(machine, fault.program, "STOP");
      return { isHit: pids.length > 0, undo: () => signal(machine, pids, "CONT") };
    }
  }
}

async function powerUp(machine: Machine): Promise<void> {
  await machine.start();
  await machine.waitBooted();
}

async function machinesOf(lab: Lab, numbers: readonly number[]): Promise<readonly Machine[]> {
  return (await lab.machines()).filter(({ number }) => numbers.includes(number));
}

async function machineOf(lab: Lab, number: number): Promise<Machine> {
  const [machine] = await machinesOf(lab, [number]);
  if (!machine) throw new Error(`the lab has no m${number}`);
  return machine;
}

/** Gives the processes that heard it; none where the program does not run. */
async function signalProgram(
  machine: Machine,
  program: Program,
  name: "KILL" | "STOP",
): Promise<readonly string[]> {
  const pids = await pidsOf(machine, program);
  await signal(machine, pids, name);
  return pids;
}

async function signal(machine: Machine, pids: readonly string[], name: string): Promise<void> {
  // One that ended meanwhile hears nothing.
  if (pids.length > 0) await machine.exec(["kill", `-${name}`, ...pids]);
}

async function pidsOf(machine: Machine, program: Program): Promise<readonly string[]> {
  const isPodOrChild = program === "etcd" || program === "kube-apiserver" || program === "wireguard-go";
  const command = isPodOrChild
    ? ["pidof", program]
    : ["systemctl", "show", "--property=MainPID", "--value", program];
  const { stdout } = await machine.exec(command);
  return stdout.split(/\s+/).filter((pid) => /^[1-9]\d*$/.test(pid));
}
