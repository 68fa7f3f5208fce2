import { LocalApiClient } from "@cluster-os/api/drivers";
import {
  findArtifacts,
  Lab,
  labOptionsFrom,
  machineSizeFrom,
  type Machine as RealMachine,
  type Place,
} from "@cluster-os/lab";
import { CommandError } from "../command.ts";
import type {
  Captured,
  LabControl,
  LabDriver,
  LabMachine,
  LabUpOptions,
  LocalApi,
  LogChoice,
  RunOptions,
} from "../site.ts";
import { buildLab } from "./repository.ts";

export interface RealLabOptions {
  /** The checkout, for building what machines are made of; undefined in an installed package. */
  readonly repository: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The lab of this host, by @cluster-os/lab. */
export function realLab({ repository, env }: RealLabOptions): LabControl {
  const lab = new Lab(labOptionsFrom(env));
  return {
    defaultDriver: driverFrom(env),
    ...(env["CLUSTER_OS_FAILED_SERVER_GRACE"] && {
      failedServerGrace: env["CLUSTER_OS_FAILED_SERVER_GRACE"],
    }),
    isPossible: repository !== undefined,
    machines: async () => (await lab.machines()).map((machine) => new RealLabMachine(machine)),
    up: async ({ driver, nodes, config, onStep }: LabUpOptions) => {
      if (repository === undefined) {
        throw new CommandError("this installed program cannot build machines", {
          hint: "run it from a checkout",
        });
      }
      // Before minutes of building.
      const { memoryMib } = machineSizeFrom(env);
      await lab.check({ nodes, driver, ...(driver === "qemu" ? { memoryMib } : {}) });
      await buildLab(repository, driver, onStep);
      const artifacts = await findArtifacts(repository, env, driver);
      const machines = await lab.up({ ...artifacts, nodes, config, onStep: ({ what }) => onStep(what) });
      return machines.map((machine) => new RealLabMachine(machine));
    },
    partition: (groups) => lab.partition(groups),
    heal: () => lab.heal(),
    down: () => lab.down(),
  };
}

function driverFrom(env: NodeJS.ProcessEnv): LabDriver {
  const driver = env["CLUSTER_OS_DRIVER"] || "nspawn";
  if (driver === "nspawn" || driver === "qemu") return driver;
  throw new CommandError(`CLUSTER_OS_DRIVER is nspawn or qemu, not "${driver}"`);
}

class RealLabMachine implements LabMachine {
  readonly name: string;
  readonly number: number;
  readonly #machine: RealMachine;

  constructor(machine: RealMachine) {
    this.#machine = machine;
    this.name = machine.name;
    this.number = machine.number;
  }

  async isRunning(): Promise<boolean> {
    return (await this.#machine.status()).isRunning;
  }

  async fault(): Promise<string | undefined> {
    return (await this.#machine.status()).fault;
  }

  places(): Promise<readonly Place[]> {
    return this.#machine.places();
  }

  async api(): Promise<LocalApi> {
    const socketPath = await this.#machine.localApi();
    return new LocalApiClient({ socketPath, patience: this.#machine.slowness });
  }

  async run(argv: readonly string[], { env = {} }: RunOptions = {}): Promise<number> {
    const { exitCode } = await this.#machine.exec(argv, {
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
      isInteractive: true,
      env,
    });
    return exitCode;
  }

  capture(argv: readonly string[], { env = {} }: RunOptions = {}): Promise<Captured> {
    return this.#machine.exec(argv, { env });
  }

  async lastNodeName(): Promise<string | undefined> {
    // A machine takes its node's name as host name, which every line of its journal carries.
    const { stdout } = await this.#machine.logs({ lines: 1, stdout: "capture" });
    return /^\S+ (n-[a-z2-7]{10}) /m.exec(stdout)?.[1];
  }

  kill(): Promise<void> {
    return this.#machine.kill();
  }

  start(): Promise<void> {
    return this.#machine.start();
  }

  async logs(choice: LogChoice): Promise<number> {
    return (await this.#machine.logs(choice)).exitCode;
  }
}
