import type { RestoreRequest } from "@cluster-os/kubernetes";

interface Wish {
  readonly request: RestoreRequest;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A person's wish that etcd begin anew on this machine, until the controller's next round takes it up. */
export class Restoration {
  #wish: Wish | undefined;

  /** Resolves once it is carried through. */
  ask(request: RestoreRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wish = { request, resolve, reject };
    });
  }

  get request(): RestoreRequest | undefined {
    return this.#wish?.request;
  }

  /** Carries it out, and tells who asked how it went. What is cut off goes on by the act record, not by this. */
  async carryOut(run: () => Promise<void>): Promise<void> {
    const wish = this.#wish;
    this.#wish = undefined;
    try {
      await run();
      wish?.resolve();
    } catch (error) {
      wish?.reject(error);
      throw error;
    }
  }
}
