/**
 * cluster-os-bootstrap: makes this machine a node of its cluster. This file chooses what of the real machine the parts
 * work on; `daemon.ts` puts them together.
 */
import { ConfigFileError, durationMs, parseConfigFile, type ClusterConfigFile } from "@cluster-os/api";
import { Nftables, readSshFacts } from "@cluster-os/firewall/drivers";
import { agreementKeyFromPrivate, nodeName } from "@cluster-os/identity";
import { KeyFileError, loadOrCreateKeys } from "@cluster-os/identity/drivers";
import { NoDistributionError } from "@cluster-os/kubernetes";
import { linuxHost, openDistribution, patientHost } from "@cluster-os/kubernetes/drivers";
import { IpLink, nudge, UserspaceWireGuard } from "@cluster-os/mesh/drivers";
import { kernelHasWireGuard, KernelWireGuard } from "@cluster-os/node-wireguard";
import { describeError, type Logger } from "@cluster-os/std";
import { createLogger, readFileIfExists, systemClock, systemRng } from "@cluster-os/std/drivers";
import { ChronyOfHost } from "@cluster-os/time/drivers";
import packageJson from "../package.json" with { type: "json" };
import { Daemon } from "./daemon.ts";
import { setHostName } from "./host-name.ts";
import { readCapabilities } from "./machine.ts";
import { MESH_INTERFACE, openMeshInterface } from "./mesh-interface.ts";
import { SYSTEM_SETTINGS as settings } from "./settings.ts";
import { Steps } from "./steps.ts";
import { startUnit, stopUnit } from "./units.ts";
import { wireGuardUnit } from "./wireguard-unit.ts";

const EXIT_DEPARTED = 10; // RestartPreventExitStatus of the unit: this machine left its cluster.
const EXIT_REFUSED = 78; // EX_CONFIG of sysexits.h: what was given cannot be used as it is.

async function main(): Promise<void> {
  const clock = systemClock;
  const steps = new Steps(clock);
  const config = await readConfig();
  const logger = createLogger({ level: config.logLevel ?? "info" });
  const keys = await loadOrCreateKeys(settings.identityFolder, systemRng);
  const name = nodeName(keys.identity.nodeId);
  await setHostName(name);
  steps.reach("identity");
  logger.info("starts", {
    node: name,
    nodeId: keys.identity.nodeId,
    isNew: keys.created,
    version: packageJson.version,
  });
  const link = new IpLink();
  const daemon = await Daemon.start({
    settings,
    config,
    keys,
    capabilities: await readCapabilities(),
    version: packageJson.version,
    mesh: await openMeshInterface({
      kernel: new KernelWireGuard(),
      userspace: new UserspaceWireGuard({
        publicKeyOf: (privateKey) => agreementKeyFromPrivate(privateKey).publicKey,
      }),
      link,
      kernelHasWireGuard,
      daemon: wireGuardUnit,
      logger: logger.child({ part: "mesh" }),
    }),
    link,
    nudge,
    chrony: new ChronyOfHost(),
    firewall: { driver: new Nftables(), readSshFacts },
    readConfig,
    // After its answer is out.
    onDeparture: (hasLeft) => setImmediate(() => stop(daemon, hasLeft ? EXIT_DEPARTED : 1)),
    distribution: await openDistribution(config.kubernetes, {
      host: patientHost(linuxHost, config.patience ?? 1),
      clock,
      rng: systemRng,
      logger,
      meshInterface: MESH_INTERFACE,
      ...(config.certificateLife !== undefined && { certificateLifeMs: durationMs(config.certificateLife) }),
    }),
    agent: {
      start: (signal) => startUnit("cluster-os-node-agent.service", signal),
      stop: (signal) => stopUnit("cluster-os-node-agent.service", signal),
    },
    steps,
    clock,
    rng: systemRng,
    logger,
  });
  stopOnSignal(daemon, logger);
}

async function readConfig(): Promise<ClusterConfigFile> {
  const content = await readFileIfExists(settings.configPath);
  return parseConfigFile(content?.toString("utf8") ?? "", settings.configPath);
}

function stopOnSignal(daemon: AsyncDisposable, logger: Logger): void {
  const onSignal = (signal: NodeJS.Signals): void => {
    logger.info("stops", { signal });
    stop(daemon, 0);
  };
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
}

function stop(daemon: AsyncDisposable, exitCode: number): void {
  void Promise.resolve(daemon[Symbol.asyncDispose]()).finally(() => process.exit(exitCode));
}

main().catch((error: unknown) => {
  process.stderr.write(`cluster-os-bootstrap: ${describeError(error)}\n`);
  const isRefused = [ConfigFileError, KeyFileError, NoDistributionError].some(
    (kind) => error instanceof kind,
  );
  process.exit(isRefused ? EXIT_REFUSED : 1);
});
