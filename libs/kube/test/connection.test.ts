import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { stringify } from "yaml";
import { connectionFromFiles, connectionFromKubeconfig, connectionInCluster } from "../src/index.ts";

describe("connections", () => {
  let folder = "";
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "connection-"))));
  afterEach(() => rm(folder, { recursive: true }));

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const kubeconfig = (user: object, cluster: object = { server: "https://api:6443" }): Promise<string> =>
    write(
      "config",
      stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "one", user: "me" } }],
        clusters: [{ name: "one", cluster }],
        users: [{ name: "me", user }],
      }),
    );

  it("files", async () => {
    const [caFile, certFile, keyFile] = await Promise.all(["ca", "cert", "key"].map((n) => write(n, n)));
    const files = { server: "https://a", caFile: caFile!, certFile: certFile!, keyFile: keyFile! };
    expect(await connectionFromFiles(files)).to.deep.equal({
      server: "https://a",
      ca: "ca",
      credentials: { cert: "cert", key: "key" },
    });
  });

  it("a kubeconfig with everything in it", async () => {
    const user = { "client-certificate-data": base64("cert"), "client-key-data": base64("key") };
    const cluster = { server: "https://api:6443", "certificate-authority-data": base64("ca") };
    expect(await connectionFromKubeconfig(await kubeconfig(user, cluster))).to.deep.include({
      server: "https://api:6443",
      ca: "ca",
      credentials: { cert: "cert", key: "key" },
    });
  });

  it("a kubeconfig that names files beside it", async () => {
    await Promise.all([write("c.pem", "cert"), write("k.pem", "key")]);
    const path = await kubeconfig({ "client-certificate": "c.pem", "client-key": "k.pem" });
    const { credentials } = await connectionFromKubeconfig(path);
    expect(credentials).to.deep.equal({ cert: "cert", key: "key" });
  });

  it("a kubeconfig with a token", async () => {
    const { credentials } = await connectionFromKubeconfig(await kubeconfig({ token: "t" }));
    expect(credentials && "token" in credentials && (await credentials.token())).to.equal("t");
  });

  const refused = [
    { name: "a plugin", user: { exec: { command: "aws" } }, says: "known by a plugin" },
    { name: "nothing", user: {}, says: "neither a certificate with its key nor a token" },
  ];
  for (const { name, user, says } of refused)
    it(`a kubeconfig with ${name} is refused`, async () => {
      const error: unknown = await connectionFromKubeconfig(await kubeconfig(user)).catch((e: unknown) => e);
      expect((error as Error).message).to.contain(says);
    });

  it("a kubeconfig that names what it has not is refused", async () => {
    const error: unknown = await connectionFromKubeconfig(await kubeconfig({}), "elsewhere").catch(
      (e: unknown) => e,
    );
    expect((error as Error).message).to.contain('has no context "elsewhere"');
  });

  it("a pod's", async () => {
    await Promise.all([write("ca.crt", "ca"), write("token", "t1\n")]);
    const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const { server, serverName, ca, credentials } = await connectionInCluster(environment, folder);
    expect([server, ca]).to.deep.equal(["https://[fd00::1]:443", "ca"]);
    // Whose certificate has every address at which a pod may be told to ask?
    expect(serverName).to.equal("kubernetes.default.svc");
    expect(credentials && "token" in credentials && (await credentials.token())).to.equal("t1");
  });

  it("outside a pod there is none", async () => {
    const error: unknown = await connectionInCluster({}, folder).catch((e: unknown) => e);
    expect((error as Error).message).to.contain("not in a pod");
  });
});
