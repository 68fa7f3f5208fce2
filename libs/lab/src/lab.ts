import { join } from "node:path";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import { readCgroupFacts } from "./drivers/cgroup-files.ts";
import { cleanLab } from "./drivers/clean.ts";
import { readHostFacts } from "./drivers/host.ts";
import { raiseHostSettings, restoreHostSettings } from "./drivers/host-settings.ts";
import { prepareImage } from "./drivers/image.ts";
import { isNamespaceFolderMounted, listNamespaces, unmountNamespaceFolder } from "./drivers/ip.ts";
import { prepareRoot } from "./drivers/layers.ts";
import { acquireLock } from "./drivers/lock.ts";
import { NspawnDriver } from "./drivers/nspawn-driver.ts";
import { QemuDriver } from "./drivers/qemu-driver.ts";
import { makeSshKey } from "./drivers/ssh.ts";
import { LabStore, readBootId } from "./drivers/store.ts";
import type { Artifacts } from "./artifacts.ts";
import { LabError } from "./lab-error.ts";
import type { MachineDriver } from "./machine-driver.ts";
import { connect, Machine } from "./machine.ts";
import { isFabric, labNames, type LabNames } from "./names.ts";
import { findProblems } from "./preflight.ts";
import { ENTER_SCRIPT, LAUNCH_SCRIPT, TOOLS_SCRIPT } from "./scripts.ts";
import type { CgroupMode, DriverName, LabState } from "./state.ts";

export interface LabOptions {
  /** Several labs run side by side under different names. Default "lab". */
  readonly name?: string;
  /** Where labs keep their records and their machines' disks. Default /var/lib/cluster-os-lab. */
  readonly stateFolder?: string;
}

/** What to boot, and from what: @see {@link Artifacts}. */
export type UpOptions = Artifacts & {
  /** How many machines: m1 to mN. */
  readonly nodes: number;
  /** The content of /etc/cluster-os/cluster-os.yaml, the same for all; nothing else is written into a machine. */
  readonly config: string;
  /** Chosen by what the host has, if left out. Emulated machines have version 2. */
  readonly cgroupMode?: CgroupMode;
  /** Hears of every step when it is done. */
  readonly onStep?: (step: LabStep) => void;
};

/** What is to run, as far as one has to know it to say whether it can. */
export type Wanted = Pick<UpOptions, "nodes" | "cgroupMode"> & {
  readonly driver: DriverName;
  readonly memoryMib?: number;
};

export interface LabStep {
  /** For people: "checked this host", "booted m1". */
  readonly what: string;
  readonly tookMs: number;
}

/** A number of nodes that a laptop can still count. */
const MOST_NODES = 50;
const CONFIG_FILE = "/etc/cluster-os/cluster-os.yaml";

/**
 * Real machines on this one: each is a systemd with its own processes, disk and network, and they share a network
 * without any way out. A lab outlives the process that brought it up; whoever makes a Lab of the same name finds it.
 */
export class Lab {
  readonly name: string;
  readonly #store: LabStore;
  readonly #names: LabNames;

  constructor(options: LabOptions = {}) {
    this.name = options.name ?? "lab";
    this.#names = labNames(this.name);
    this.#store = new LabStore(join(options.stateFolder ?? "/var/lib/cluster-os-lab", this.name));
  }

  /**
   * Whether this host can run such machines; throws LabError with every reason why not. `up` does this first too;
   * whoever has to build something for it asks before.
   */
  async check(wanted: Wanted): Promise<void> {
    await this.#checkHost(wanted);
  }

  /**
   * Boots the machines of a new lab. Resolves when each one's systemd runs; what they make of it is up to them. Throws
   * LabError if the lab is up already or the host cannot; then nothing is left of the attempt but the log it names.
   */
  async up(options: UpOptions): Promise<readonly Machine[]> {
    if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > MOST_NODES) {
      throw new LabError(`a lab has 1 to ${MOST_NODES} machines, not ${options.nodes}`);
    }
    const step = stepper(options.onStep);
    const cgroupMode = await this.#checkHost(options);
    step("checked this host");
    await using _lock = await this.#lock();
    await this.#refuseSecond();
    if (await this.#clean()) step("removed what an earlier attempt left");
    const make = await this.#prepare(options, cgroupMode, step);
    await this.#store.create();
    const lab: LabState = {
      version: 2,
      phase: "starting",
      bootId: await readBootId(),
      make,
      groups: [],
      unplugged: [],
      madeNamespaceFolder: !(await isNamespaceFolderMounted()),
    };
    await this.#store.writeLab(lab);
    await this.#writeScripts();
    if (make.driver === "qemu") await makeSshKey(this.#store, make.tools);
    const numbers = Array.from({ length: options.nodes }, (_, index) => index + 1);
    await this.#boot(lab, numbers, options.config, step);
    await this.#store.writeLab({ ...lab, phase: "up" });
    return this.machines();
  }

  /** Boots one more machine of a lab that is up. */
  async add(config: string): Promise<Machine> {
    await using _lock = await this.#lock();
    const lab = await this.#requireLab();
    const number = ((await this.#store.machineNumbers()).at(-1) ?? 0) + 1;
    await this.#boot(lab, [number], config, () => {});
    return this.machine(number);
  }

  /** Ends everything of the lab and removes it, also what a killed `up` left. Says whether there was anything. */
  async down(): Promise<boolean> {
    if (process.geteuid?.() !== 0)
      throw new LabError("a lab needs root to end its machines", { hint: "run it with sudo" });
    await using _lock = await this.#lock();
    return this.#clean();
  }

  /** The machines of the lab, running or not; none if it is down. */
  async machines(): Promise<readonly Machine[]> {
    const numbers = await this.#store.machineNumbers();
    if (numbers.length === 0) return [];
    const driver = this.#driver(await this.#store.readLab());
    return numbers.map((number) => this.#machine(number, driver));
  }

  /** The machine mN. Throws LabError if there is none. */
  async machine(number: number): Promise<Machine> {
    const numbers = await this.#store.machineNumbers();
    if (numbers.includes(number)) return this.#machine(number, this.#driver(await this.#store.readLab()));
    throw new LabError(
      numbers.length === 0 ? `lab "${this.name}" is down` : `lab "${this.name}" has no machine m${number}`,
      {
        hint:
          numbers.length === 0
            ? "bring it up: cluster-os up"
            : `it has ${numbers.map((one) => `m${one}`).join(", ")}`,
      },
    );
  }

  /** Splits the network: machines see those of their group only. Machines in no group are together in one more. */
  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    await this.#changeNetwork((lab) => ({ ...lab, groups: groups.map((group) => [...group]) }));
  }

  /** Everybody sees everybody again, and every cable is plugged in. */
  async heal(): Promise<void> {
    await this.#changeNetwork((lab) => ({ ...lab, groups: [], unplugged: [] }));
  }

  /** Pulls these machines' cables; {@link heal} plugs them in again. */
  async unplug(...machines: readonly number[]): Promise<void> {
    await this.#changeNetwork((lab) => ({
      ...lab,
      unplugged: [...new Set([...lab.unplugged, ...machines])],
    }));
  }

  async #changeNetwork(change: (lab: LabState) => LabState): Promise<void> {
    await using _lock = await this.#lock();
    const lab = change(await this.#requireLab());
    await this.#store.writeLab(lab);
    await connect(this.#names, lab);
  }

  async #checkHost({ nodes, driver, memoryMib, cgroupMode }: Wanted): Promise<CgroupMode> {
    const facts = await readHostFacts(this.#store.folder, await readCgroupFacts(), driver);
    const memory = memoryMib === undefined ? {} : { memoryBytes: memoryMib * 2 ** 20 };
    const problems = findProblems(facts, { driver, machines: nodes, ...memory }, this.#store.folder);
    if (problems.length > 0) {
      throw new LabError(
        `this host cannot run a lab: ${problems.map(({ what, hint }) => `${what} (${hint})`).join("; ")}`,
      );
    }
    return cgroupMode ?? facts.cgroupMode ?? "v2";
  }

  /** Installs the packages into what machines begin with. */
  async #prepare(
    options: UpOptions,
    cgroupMode: CgroupMode,
    step: (what: string) => void,
  ): Promise<LabState["make"]> {
    const layers = await prepareRoot({
      baseTree: options.baseTree,
      debs: options.debs,
      cacheFolder: options.cacheFolder,
      onInstall: (what) => step(`preparing to install ${what}`),
      ...(options.driver === "qemu" ? { finish: options.finish } : {}),
    });
    if (options.driver === "nspawn") {
      step("prepared the machines' file system");
      const { sharedFolder } = options;
      return {
        driver: "nspawn",
        layers,
        cgroupMode,
        ...(sharedFolder === undefined ? {} : { sharedFolder }),
      };
    }
    const { tools, imageFolder: cacheFolder, memoryMib, processors, accelerator } = options;
    const onMake = (): void => step("installed the packages");
    const image = await prepareImage({ tools, layers, cacheFolder, onMake });
    step("prepared the machines' disk");
    return { driver: "qemu", tools, image, memoryMib, processors, accelerator };
  }

  async #writeScripts(): Promise<void> {
    const scripts = { launch: LAUNCH_SCRIPT, enter: ENTER_SCRIPT, tools: TOOLS_SCRIPT } as const;
    for (const name of ["launch", "enter", "tools"] as const)
      await writeFileAtomic(this.#store.script(name), scripts[name], { mode: 0o700 });
  }

  async #refuseSecond(): Promise<void> {
    const lab = await this.#store.readLab();
    if (lab?.phase !== "up" || lab.bootId !== (await readBootId())) return;
    const count = (await this.#store.machineNumbers()).length;
    throw new LabError(`lab "${this.name}" is already up, with ${count} machines`, {
      hint: "look at it with cluster-os status, or end it with cluster-os down",
    });
  }

  async #boot(
    lab: LabState,
    numbers: readonly number[],
    config: string,
    step: (what: string) => void,
  ): Promise<void> {
    const driver = this.#driver(lab);
    try {
      for (const number of numbers) {
        await this.#machine(number, driver).place(CONFIG_FILE, config, 0o600);
      }
      await connect(this.#names, lab, ...numbers);
      step("laid the network");
      // After the network, by which another lab's `down` sees that somebody still needs them.
      await raiseHostSettings();
      await Promise.all(
        numbers.map(async (number) => {
          await driver.boot(number, lab);
          step(`started m${number}`);
        }),
      );
    } catch (error) {
      if (lab.phase === "starting") await this.#clean();
      throw error;
    }
  }

  async #clean(): Promise<boolean> {
    const lab = await this.#store.readLab().catch(() => undefined);
    const found = await cleanLab({ names: this.#names, store: this.#store });
    await restoreHostSettings(async () => (await listNamespaces()).some(isFabric));
    if (lab?.madeNamespaceFolder === true) await unmountNamespaceFolder();
    return found;
  }

  async #requireLab(): Promise<LabState> {
    const lab = await this.#store.readLab();
    if (lab === undefined)
      throw new LabError(`lab "${this.name}" is down`, { hint: "bring it up: cluster-os up" });
    return lab;
  }

  #machine(number: number, driver: MachineDriver): Machine {
    return new Machine(number, this.#store, this.#names, driver);
  }

  /** Of a lab whose record is missing, whoever ended first: nothing of its machines can run. */
  #driver(lab: LabState | undefined): MachineDriver {
    return lab?.make.driver === "qemu"
      ? new QemuDriver(this.#names, this.#store, lab.make)
      : new NspawnDriver(this.#names, this.#store);
  }

  #lock(): Promise<AsyncDisposable> {
    return acquireLock(`lab ${this.name}`, {
      what: `lab "${this.name}"`,
      timeoutMs: 2_000,
    });
  }
}

/** Tells of steps with the time since the one before. */
function stepper(onStep: ((step: LabStep) => void) | undefined): (what: string) => void {
  let last = performance.now();
  return (what) => {
    const now = performance.now();
    onStep?.({ what, tookMs: Math.round(now - last) });
    last = now;
  };
}
