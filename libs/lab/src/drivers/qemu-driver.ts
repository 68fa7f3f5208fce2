import { basename, join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { MachineDriver, Place } from "../machine-driver.ts";
import type { LabNames } from "../names.ts";
import { quoteForShell, findPanic, vncPort } from "../qemu.ts";
import type { LabState, ProcessRef, QemuMake } from "../state.ts";
import { readJournalOfDisk } from "./disk-journal.ts";
import type { ExecOptions, ExecResult } from "./enter.ts";
import { addSeedFile, emulateMachine } from "./qemu-boot.ts";
import { isAlive, readIfThere } from "./processes.ts";
import { forwardSocket, runBySsh, sshArguments, type Reach } from "./ssh.ts";
import type { LabStore } from "./store.ts";
import type { Tools } from "./tools.ts";

/** Emulated machines: a kernel, a disk and a processor of their own, reached as any other: by SSH. */
export class QemuDriver implements MachineDriver {
  readonly slowness: number;
  readonly #names: LabNames;
  readonly #store: LabStore;
  readonly #make: QemuMake;

  constructor(names: LabNames, store: LabStore, make: QemuMake) {
    this.#names = names;
    this.#store = store;
    this.#make = make;
    this.slowness = make.accelerator === "kvm" ? 2 : 8;
  }

  async boot(number: number, _lab: LabState): Promise<void> {
    await emulateMachine({ names: this.#names, store: this.#store, make: this.#make, number });
  }

  async life(number: number): Promise<ProcessRef | undefined> {
    const leader = (await this.#store.readMachine(number))?.leader;
    return (await isAlive(leader)) ? leader : undefined;
  }

  async fault(number: number): Promise<string | undefined> {
    return findPanic((await readIfThere(this.#store.machine(number).log)) ?? "");
  }

  exec(number: number, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    return runBySsh(this.#reach(number), argv, options);
  }

  async requestStop(number: number): Promise<void> {
    // The connection may end before the command does.
    await this.exec(number, ["systemctl", "poweroff"], {}).catch(() => undefined);
  }

  readJournal(number: number, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
    return readJournalOfDisk(this.#tools(), this.#store.machine(number), args, options);
  }

  place(number: number, inMachine: string, content: string, mode: number): Promise<void> {
    return addSeedFile(this.#store.machine(number), { path: inMachine, content, mode });
  }

  socket(number: number, inMachine: string): Promise<string> {
    const local = join(this.#store.machine(number).folder, basename(inMachine));
    return forwardSocket(this.#reach(number), local, inMachine);
  }

  path(number: number, inMachine: string): Promise<string> {
    const hint = `read it there: cluster-os shell m${number} -- cat ${inMachine}`;
    return Promise.reject(
      new LabError(`m${number} has a disk of its own, which this host does not see`, { hint }),
    );
  }

  async places(number: number): Promise<readonly Place[]> {
    const { log, image, pidFile } = this.#store.machine(number);
    const life = await this.life(number);
    const enter = `ip netns exec ${this.#names.machine(number)}`;
    const ssh = quoteForPeople(["ssh", ...sshArguments({ number, key: this.#store.sshKey })]);
    return [
      { name: "QEMU", value: life === undefined ? "none: it is off" : `process ${life.pid} (${pidFile})` },
      { name: "SSH", value: `${enter} ${ssh}` },
      {
        name: "screen",
        value: `VNC at 127.0.0.1:${vncPort(number)}: ${enter} vncviewer 127.0.0.1:${vncPort(number)}`,
      },
      { name: "console", value: log },
      { name: "disk", value: image },
    ];
  }

  #tools(): Tools {
    return { tree: this.#make.tools, script: this.#store.script("tools") };
  }

  #reach(number: number): Reach {
    return {
      number,
      name: this.#names.machine(number),
      tools: this.#tools(),
      key: this.#store.sshKey,
      control: this.#store.machine(number).control,
    };
  }
}

/** Quotes only where a shell wants it. */
function quoteForPeople(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoteForShell([word]))).join(" ");
}
