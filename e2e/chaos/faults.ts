import type { Lab, Machine } from "@cluster-os/lab";
import type { Fault, Program } from "./schedule.ts";

/** What ends a fault. May be called once. */
export type Undo = () => Promise<void>;

/** Does it, and says how it ends. */
export async function inflict(lab: Lab, fault: Fault): Promise<Undo> {
  switch (fault.kind) {
    case "power-cut": {
      const machines = await machinesOf(lab, fault.machines);
      await Promise.all(machines.map((machine) => machine.kill()));
      return async () => void (await Promise.all(machines.map((machine) => machine.start())));
    }
    case "partition":
      await lab.partition(fault.sides);
      return () => lab.heal();
    case "kill":
      await signalProgram(await machineOf(lab, fault.machine), fault.program, "KILL");
      return () => Promise.resolve();
    case "freeze": {
      const machine = await machineOf(lab, fault.machine);
      const pids = await signalProgram(machine, fault.program, "STOP");
      return () => signal(machine, pids, "CONT");
    }
  }
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
