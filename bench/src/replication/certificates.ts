import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Credentials } from "@cluster-os/replication/drivers";
import { execa } from "execa";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A certificate for each name, all of one authority that is made for the occasion. Its files stay in `folder`. */
export async function certificates(
  folder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Credentials>> {
  const openssl = (...args: readonly string[]) => execa("openssl", args, { cwd: folder });
  const read = (file: string): Promise<string> => readFile(join(folder, file), "utf8");
  await openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=bench",
    "-days",
    "2",
  );
  await writeFile(join(folder, "ext"), "extendedKeyUsage = clientAuth\n");
  const issued = new Map<string, Credentials>();
  for (const name of names) {
    await openssl("req", "-new", ...NEW_KEY, "-keyout", `${name}.key`, "-out", "csr", "-subj", `/CN=${name}`);
    const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "ext"];
    await openssl("x509", "-req", "-in", "csr", ...by, "-out", `${name}.crt`);
    issued.set(name, {
      keyPem: await read(`${name}.key`),
      certificatePem: await read(`${name}.crt`),
      caPem: await read("ca.crt"),
    });
  }
  return issued;
}
