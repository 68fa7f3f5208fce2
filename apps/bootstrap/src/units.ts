import { execa } from "execa";

/** Starts a systemd unit unless it runs. Returns once systemd took it, or throws with what systemctl said. */
export async function startUnit(unit: string, signal: AbortSignal): Promise<void> {
  const active = await execa("systemctl", ["is-active", "--quiet", unit], {
    reject: false,
    cancelSignal: signal,
  });
  if (active.exitCode !== 0) await execa("systemctl", ["start", unit], { cancelSignal: signal });
}

export async function stopUnit(unit: string, signal: AbortSignal): Promise<void> {
  await execa("systemctl", ["stop", unit], { cancelSignal: signal });
}

/** Whether a unit runs, or will as soon as systemd has started it anew. */
export async function isUnitUp(unit: string): Promise<boolean> {
  const { stdout } = await execa("systemctl", ["show", "--property=ActiveState", "--value", unit]);
  return !["inactive", "failed"].includes(stdout.trim());
}
