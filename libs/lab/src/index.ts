/**
 * Real machines on one host: boot, kill, start, partition, shell, logs, and nothing left behind. Knows nothing of what
 * the machines do with each other.
 */
export { findArtifacts, labOptionsFrom, machineSizeFrom, type Artifacts } from "./artifacts.ts";
export type { ExecOptions, ExecResult } from "./drivers/enter.ts";
export { Lab, type LabOptions, type LabStep, type UpOptions, type Wanted } from "./lab.ts";
export { LabError } from "./lab-error.ts";
export type { Place } from "./machine-driver.ts";
export type { LogOptions, Machine, MachineStatus } from "./machine.ts";
export { DriverName } from "./state.ts";
