import { createPrivateKey, X509Certificate } from "node:crypto";
import { AGENTS_GROUP, agentUser, type AgentCertificateAnswer } from "@cluster-os/api";
import { KubeError } from "@cluster-os/kube";
import { invariant, type Clock, type Instant, type Logger, type Rng } from "@cluster-os/std";
import { requestCertificate } from "@cluster-os/std/drivers";
import { renewalDelayMs } from "./certificate/renewal.ts";
import type { AgentKube } from "./kube.ts";

/** What it takes to talk to the API as this machine's agent. Lives in memory only. */
export interface Credentials {
  readonly server: string;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly nodeName: string;
}

export interface AccessOptions {
  /** This machine's node name, from bootstrap. */
  readonly nodeName: (signal: AbortSignal) => Promise<string>;
  readonly askForCertificate: (csrPem: string, signal: AbortSignal) => Promise<AgentCertificateAnswer>;
  readonly openKube: (credentials: Credentials) => AgentKube;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/**
 * The way to the Kubernetes API: a client certificate of at most an hour, and a new one in time. A certificate that the
 * API refuses is replaced at once.
 */
export class Access implements Disposable {
  readonly #options: AccessOptions;
  readonly #opened = Promise.withResolvers<void>();
  #kube: AgentKube | undefined;
  #credentials: Credentials | undefined;
  #renewAt: Instant = 0;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** What it has now; undefined before the first. */
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }

  /** Gets a certificate if there is none, or the one there is has lived two thirds of its life. */
  async round(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (this.#kube && clock.now() < this.#renewAt) return;
    const previous = this.#kube;
    this.#kube = await this.#renew(signal);
    this.#opened.resolve();
    previous?.[Symbol.dispose]();
  }

  /** Resolves once there is access for the first time, or `signal` is aborted. */
  async opened(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    await Promise.race([this.#opened.promise, aborted]);
  }

  /** Runs `act` with the API. */
  async use(act: (kube: AgentKube) => Promise<void>): Promise<void> {
    const kube = this.#kube;
    invariant(kube, "nothing uses the API before it is opened");
    try {
      await act(kube);
    } catch (error) {
      // Only the certificate it was refused with: another round may have brought a new one meanwhile.
      if (error instanceof KubeError && error.isUnauthorized && this.#kube === kube) this.#renewAt = 0;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#kube?.[Symbol.dispose]();
  }

  async #renew(signal: AbortSignal): Promise<AgentKube> {
    const { nodeName, askForCertificate, openKube, clock, rng, logger } = this.#options;
    const name = await nodeName(signal);
    const { keyPem, csrPem } = requestCertificate({
      commonName: agentUser(name),
      organizations: [AGENTS_GROUP],
    });
    const answer = await askForCertificate(csrPem, signal);
    checkCertificate(answer.certificatePem, name, keyPem);
    const validity = { receivedAt: clock.wallTime(), expiresAt: answer.expiresAt };
    const renewInMs = renewalDelayMs(validity, rng);
    // On the monotonic clock: a wall clock that is set must not keep an old certificate.
    this.#renewAt = clock.now() + renewInMs;
    logger.info("has a client certificate", {
      node: name,
      server: answer.server,
      renewInSeconds: Math.round(renewInMs / 1000),
    });
    const { server, caPem, certificatePem } = answer;
    this.#credentials = { server, caPem, certificatePem, keyPem, nodeName: name };
    return openKube(this.#credentials);
  }
}

/** Refuses a certificate that is somebody else's or for another key: every later failure would be harder to read. */
export function checkCertificate(certificatePem: string, nodeName: string, keyPem: string): void {
  const certificate = new X509Certificate(certificatePem);
  const user = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  if (user !== agentUser(nodeName))
    throw new Error(`the certificate is for ${user ?? "nobody"}, not for ${agentUser(nodeName)}`);
  if (!certificate.checkPrivateKey(createPrivateKey(keyPem)))
    throw new Error("the certificate is for another key than was asked for");
}
