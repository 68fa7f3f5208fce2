import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Credentials } from "../../src/drivers/index.ts";

/** A certificate authority of its own, as the cluster's: its certificates are for clients, like those of node-agents. */
export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "cluster-os-ca-"));
  readonly caPem: string;

  constructor() {
    this.#openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-subj",
      "/CN=test CA",
      "-days",
      "2",
    );
    this.caPem = readFileSync(join(this.folder, "ca.crt"), "utf8");
  }

  issue(name: string): Credentials {
    const key = `${name}.key`;
    writeFileSync(join(this.folder, "ext"), "extendedKeyUsage = clientAuth\n");
    this.#openssl(
      "req",
      "-new",
      ...NEW_KEY,
      "-keyout",
      key,
      "-out",
      "csr",
      "-subj",
      `/O=replicas/CN=${name}`,
    );
    const ca = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    this.#openssl(
      "x509",
      "-req",
      "-in",
      "csr",
      ...ca,
      "-days",
      "1",
      "-extfile",
      "ext",
      "-out",
      `${name}.crt`,
    );
    const read = (file: string): string => readFileSync(join(this.folder, file), "utf8");
    return { keyPem: read(key), certificatePem: read(`${name}.crt`), caPem: this.caPem };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.folder, stdio: "pipe" });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A port that is free at this moment on a loopback address. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
