import type { KubernetesState } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import type {
  Distribution,
  JoinCredentials,
  KubernetesStatus,
  NodePlacement,
  RestoreRequest,
} from "@cluster-os/kubernetes";
import { describeError, type Logger } from "@cluster-os/std";
import type { ActRecordFile } from "./act-record.ts";
import {
  planKubernetes,
  roleAfter,
  type ActRecord,
  type KubernetesAction,
  type KubernetesObserved,
} from "./plan.ts";
import { Restoration } from "./restoration.ts";
import { RoleChanges, type RoleHelp } from "./role-changes.ts";

export interface KubernetesControllerOptions extends RoleHelp {
  readonly distribution: Distribution;
  readonly record: ActRecordFile;
  /** Everything the plan needs but the act record, as it is now. */
  readonly observe: () => Omit<KubernetesObserved, "record">;
  /** This machine as Kubernetes is to know it. Only called while the machine is a member with a mesh address. */
  readonly placement: () => NodePlacement;
  /** Undefined while it is not this machine's turn. */
  readonly requestCredentials: (
    from: NodeId,
    role: "server" | "worker",
    act: "join" | "promote",
    signal: AbortSignal,
  ) => Promise<JoinCredentials | undefined>;
  /** Told at each change of state, and once more when an act got through. */
  readonly onState: (state: KubernetesState, epoch: number) => void;
  readonly onJoined: (epoch: number) => Promise<void>;
  /** etcd began anew here: from now on this machine serves alone, whatever was decided before. */
  readonly onRestored: (request: RestoreRequest) => Promise<void>;
  /** Whether what makes certificates may begin: not while this machine's clock is far from the servers'. */
  readonly mayBegin: (signal: AbortSignal) => Promise<boolean>;
  /** Runs after `initServer` with the administrator's access, before anybody may join. */
  readonly afterInit: (signal: AbortSignal) => Promise<void>;
  /** node-agent's unit on this machine: it reports to Kubernetes, so it runs while the machine is part of it. */
  readonly agent: { start(signal: AbortSignal): Promise<void>; stop(signal: AbortSignal): Promise<void> };
  /** Told after each look at a machine that is what it is to be: its certificates may have to be renewed, or all of it upgraded. */
  readonly maintain: (status: KubernetesStatus, signal: AbortSignal) => Promise<void>;
  readonly step: (name: string) => void;
  readonly logger: Logger;
}

/**
 * Makes this machine the server or worker it was elected to be, and says how far it is. The only user of
 * {@link Distribution}'s acts, so that no two of them ever overlap.
 */
export class KubernetesController {
  readonly #options: KubernetesControllerOptions;
  readonly #roles: RoleChanges;
  readonly #restoration = new Restoration();
  #state: KubernetesState = "waiting";
  #status: KubernetesStatus | undefined;
  #role: "server" | "worker" | undefined;
  #isTurnAwaited = false;
  /** Whether this process has brought up what the disk says this machine is: once after each start. */
  #isResumed = false;

  constructor(options: KubernetesControllerOptions) {
    this.#options = options;
    this.#roles = new RoleChanges(options, {
      carryThrough: (act, epoch, run) => this.#carryThrough(act, epoch, "joining", run),
      begin: (act, epoch) => this.#begin(act, epoch, "joining"),
      end: (act, epoch) => this.#end(act, epoch),
      forget: () => this.#forget(),
    });
  }

  get state(): KubernetesState {
    return this.#state;
  }

  /** What this machine is in Kubernetes, whatever it is to be; undefined until its first act is through. */
  get role(): "server" | "worker" | undefined {
    return this.#role;
  }

  /** Whether a change of role waits for its turn: then the next round is not to wait long. */
  get isTurnAwaited(): boolean {
    return this.#isTurnAwaited;
  }

  /** How things stood in the last round; undefined while there is nothing of Kubernetes to look at. */
  get status(): KubernetesStatus | undefined {
    return this.#status;
  }

  /** One round: look, plan, and carry one act through. */
  async round(signal: AbortSignal): Promise<void> {
    const { logger, distribution, record } = this.#options;
    const stored = await record.read();
    this.#role = stored?.isComplete ? roleAfter(stored.act) : undefined;
    const observed = { ...this.#options.observe(), record: stored };
    this.#isTurnAwaited = false;
    const request = this.#restoration.request;
    const action: KubernetesAction = request
      ? { kind: "restore", epoch: observed.epoch, request }
      : planKubernetes(observed);
    switch (action.kind) {
      case "wait":
        return this.#tell("waiting", observed.epoch);
      case "reset":
        logger.warn("wiping what was begun of Kubernetes", { reason: action.reason });
        this.#tell("waiting", observed.epoch);
        await this.#options.agent.stop(signal);
        if (action.mayVote) await distribution.withdraw(this.#options.placement().servers, signal);
        await distribution.reset(signal);
        return this.#forget();
      case "serve":
        return this.#serve(stored as ActRecord, signal);
      case "init-server":
        if (!(await this.#options.mayBegin(signal))) return this.#tell("waiting", observed.epoch);
        return this.#carryThrough("init-server", action.epoch, "initialising", async () => {
          await distribution.initServer({ ...this.#options.placement() }, signal);
          await this.#options.afterInit(signal);
        });
      case "join-server":
      case "join-worker":
        return this.#join(action, signal);
      case "promote":
      case "step-down":
        // Until it is this machine's turn, it goes on as what it is.
        this.#isTurnAwaited = !(this.#isResumed && (await this.#roles.change(action, signal)));
        if (!this.#isTurnAwaited) return;
        return this.#serve(stored as ActRecord, signal);
      case "recover":
        this.#tell("starting", action.epoch);
        // It may have a vote already that the others need in order to help.
        if (!this.#isResumed) await this.#resume(signal);
        return this.#roles.recover(action, signal);
      case "restore":
        return this.#restoration.carryOut(() => this.#restore(action.request, action.epoch, signal));
      default:
        action satisfies never;
    }
  }

  /** Has etcd begin anew here in the next round; resolves when that is through. */
  restore(request: RestoreRequest): Promise<void> {
    return this.#restoration.ask(request);
  }

  async #restore(request: RestoreRequest, epoch: number, signal: AbortSignal): Promise<void> {
    const { distribution, onRestored } = this.#options;
    await this.#begin("restore", epoch, "starting", request);
    await distribution.restore(request, signal);
    await onRestored(request);
    await this.#end("restore", epoch);
  }

  /** Ends all that runs here of Kubernetes, for good. No round may run any more. */
  async leave(signal: AbortSignal): Promise<void> {
    const { agent, distribution, record } = this.#options;
    await agent.stop(signal);
    await this.#withdrawIfItCan(signal);
    await distribution.reset(signal);
    await record.remove();
  }

  /** Who leaves does so, whether the others answer or not. */
  async #withdrawIfItCan(signal: AbortSignal): Promise<void> {
    const { record, distribution, placement, logger } = this.#options;
    const stored = await record.read();
    if (stored?.act !== "join-server" || stored.isComplete) return;
    try {
      await distribution.withdraw(placement().servers, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn("leaves without giving its vote back", { reason: describeError(error) });
    }
  }

  async #join(
    action: { readonly kind: "join-server" | "join-worker"; readonly epoch: number; readonly from: NodeId },
    signal: AbortSignal,
  ): Promise<void> {
    const { distribution } = this.#options;
    const role = action.kind === "join-server" ? "server" : "worker";
    this.#tell("waiting", action.epoch);
    if (!(await this.#options.mayBegin(signal))) return;
    // Asked for before the record is written: a server whose turn it is not yet is told so here, and has begun nothing.
    const credentials = await this.#options.requestCredentials(action.from, role, "join", signal);
    if (!credentials) return;
    await this.#carryThrough(action.kind, action.epoch, "joining", async () => {
      const request = { ...this.#options.placement(), credentials };
      if (credentials.role === "server") await distribution.joinServer({ ...request, credentials }, signal);
      else await distribution.joinWorker(request, signal);
    });
    if (role === "server") this.#options.onChanged(action.from);
  }

  async #carryThrough(
    act: ActRecord["act"],
    epoch: number,
    state: KubernetesState,
    run: () => Promise<void>,
  ): Promise<void> {
    await this.#begin(act, epoch, state);
    await run();
    await this.#end(act, epoch);
  }

  async #begin(
    act: ActRecord["act"],
    epoch: number,
    state: KubernetesState,
    restore?: RestoreRequest,
  ): Promise<void> {
    const { record, step, observe } = this.#options;
    const { rolesEpoch } = observe();
    await record.write({ act, epoch, rolesEpoch, isComplete: false, ...(restore && { restore }) });
    this.#role = undefined;
    this.#tell(state, epoch);
    step(act);
  }

  async #end(act: ActRecord["act"], epoch: number): Promise<void> {
    const { record, step, onJoined, observe } = this.#options;
    await record.write({ act, epoch, rolesEpoch: observe().rolesEpoch, isComplete: true });
    this.#isResumed = act !== "set-aside";
    this.#role = roleAfter(act);
    step(`${act} done`);
    if (isFirstServer(act)) await onJoined(epoch);
    this.#tell("starting", epoch);
  }

  /** There is nothing of Kubernetes here any more. */
  async #forget(): Promise<void> {
    await this.#options.record.remove();
    this.#isResumed = false;
    this.#status = undefined;
    this.#role = undefined;
  }

  async #serve(stored: ActRecord, signal: AbortSignal): Promise<void> {
    // Told again at each round, since a restarted protocol may not have it on disk; it ignores what it knows.
    if (isFirstServer(stored.act)) await this.#options.onJoined(stored.epoch);
    if (!this.#isResumed) await this.#resume(signal);
    await this.#options.agent.start(signal);
    const status = await this.#options.distribution.status(signal);
    this.#status = status;
    const isReady =
      status.kind === "server" ? status.apiReady : status.kind === "worker" && status.kubeletActive;
    this.#tell(isReady ? "ready" : "starting", stored.epoch);
    await this.#options.maintain(status, signal);
  }

  async #resume(signal: AbortSignal): Promise<void> {
    await this.#options.distribution.resume(this.#options.placement(), signal);
    this.#isResumed = true;
  }

  #tell(state: KubernetesState, epoch: number): void {
    if (state !== this.#state) {
      this.#options.logger.info("Kubernetes on this machine", { state, epoch });
      if (state === "ready") this.#options.step("kubernetes ready");
    }
    this.#state = state;
    this.#options.onState(state, epoch);
  }
}

/** Whether the act counts for establishing the cluster. */
function isFirstServer(act: ActRecord["act"]): boolean {
  return act === "init-server" || act === "join-server";
}
