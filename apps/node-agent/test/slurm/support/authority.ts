import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENTS_GROUP, agentUser } from "@cluster-os/api";
import type { Credentials } from "@cluster-os/replication/drivers";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** The cluster's authority: what it issues to node-agents is for clients. */
export class Authority implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "cluster-os-ca-"));

  constructor() {
    this.#openssl(["req", "-x509", ...NEW_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test"]);
  }

  issue(node: string, organization: string = AGENTS_GROUP): Credentials {
    const subject = `/O=${organization}/CN=${agentUser(node)}`;
    writeFileSync(join(this.#folder, "extensions"), "extendedKeyUsage = clientAuth\n");
    this.#openssl(["req", "-new", ...NEW_KEY, "-keyout", "key", "-out", "csr", "-subj", subject]);
    const ca = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1"];
    this.#openssl(["x509", "-req", "-in", "csr", ...ca, "-extfile", "extensions", "-out", "crt"]);
    return { keyPem: this.#read("key"), certificatePem: this.#read("crt"), caPem: this.#read("ca.crt") };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), "utf8");
  }

  #openssl(args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: "pipe" });
  }
}
