import { ROTATE_KEYS_ANNOTATION, SLURM_REST_PORT, type SlurmTokenObject } from "@cluster-os/api";
import type { Lab, Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { kubectlJson, must } from "../src/cluster-os.ts";
import { machineOf } from "../src/machines.ts";
import { timed } from "../src/scenario.ts";
import { jobState, onMachine, slurmCluster, USER } from "../src/slurm.ts";

const ON_MACHINES = `http://slurmctl:${SLURM_REST_PORT}`;
const API = "/slurm/v0.0.42";
const NODE = "/usr/lib/cluster-os/bin/node";

/** Asks what is told on standard input, so that no token is an argument, and prints the status and the body. */
const ASK = `
  const { url, headers, method, body } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  fetch(url, { method, headers: { "content-type": "application/json", ...headers }, body, signal: AbortSignal.timeout(10_000) })
    .then(async (answer) => console.log(JSON.stringify({ status: answer.status, text: await answer.text() })))
    .catch((error) => console.log(JSON.stringify({ status: 0, text: String(error.cause ?? error) })));
`;

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Given {
  readonly jwt: string;
  readonly url: string;
}

/** SLURM's REST API, switched on, and tokens for it. `other` is a machine that is not the controller's. */
export function describeRest(lab: Lab, other: () => Machine): void {
  let given: Given;

  it("the REST API: a declared user gets a token, and what it submits runs as that user", async () => {
    await patch({ spec: { rest: { enabled: true } } });
    await apply("ada", { user: USER });
    await timed("a token", async () => (await reasonOf("ada")) === "Issued");
    given = await secretOf("ada");
    await timed("slurmrestd", async () => (await ask(other(), "/ping/", given.jwt)).status !== 0);
    expect((await ask(other(), "/ping/", given.jwt)).status).to.equal(200);
    const job = {
      name: "rest",
      script: "#!/bin/sh\nid --user --name > /tmp/rest-who\nsleep 1",
      current_working_directory: "/tmp",
      environment: ["PATH=/usr/bin:/bin"],
      required_nodes: [await onMachine(other().number, "hostname")],
    };
    const { status, text } = await ask(other(), "/job/submit", given.jwt, job);
    expect(status, text).to.equal(200);
    const { job_id: id } = JSON.parse(text) as { readonly job_id: number };
    await timed("its end", async () => (await jobState(other(), String(id))) === "COMPLETED");
    expect(await onMachine(other().number, "cat", "/tmp/rest-who")).to.equal(USER);
  });

  it("the REST API: nobody without a good token, and no token but by a SlurmToken", async () => {
    expect((await ask(other(), "/jobs/")).status).to.equal(401);
    const forged = `${given.jwt.slice(0, -8)}AAAAAAAA`;
    expect((await ask(other(), "/jobs/", forged)).status).to.be.within(400, 599);
    const minted = await other().exec([
      "setpriv",
      `--reuid=${USER}`,
      `--regid=${USER}`,
      "--init-groups",
      "scontrol",
      "token",
    ]);
    expect(minted.stdout).not.to.contain("SLURM_JWT");
    expect(minted.stderr).to.match(/^scontrol: error/m);
    await apply("root", { user: "root" });
    await timed("the refusal", async () => (await reasonOf("root")) === "UserUnknown");
    await must(["kubectl", "delete", "slurmtoken", "root"]);
  });

  it("the REST API listens on the mesh only", async () => {
    const controller = await machineOf(lab, (await slurmCluster()).status?.activeController?.node ?? "");
    const { address = "" } = (await slurmCluster()).status?.activeController ?? {};
    const sockets = await onMachine(
      controller.number,
      "ss",
      "--listening",
      "--tcp",
      "--numeric",
      "--no-header",
    );
    const local = sockets.split("\n").map((line) => line.trim().split(/\s+/)[3] ?? "");
    expect(local.filter((one) => one.endsWith(`:${SLURM_REST_PORT}`))).to.deep.equal([
      `${address}:${SLURM_REST_PORT}`,
    ]);
  });

  it("the REST API: a pod finds it by its Service", async () => {
    const question = JSON.stringify({ url: `${given.url}${API}/ping/`, headers: headersOf(given.jwt) });
    await timed("an answer", async () => {
      const pod = [
        "exec",
        "--stdin",
        "--namespace=cluster-os",
        "deployment/slurm-operator",
        "--",
        "/usr/bin/node",
      ];
      const printed = await must(["kubectl", ...pod, "-e", ASK], { input: question });
      return (JSON.parse(printed) as Answer).status === 200;
    });
  });

  it("the REST API: with another key old tokens end, and the Secret has a new one", async () => {
    const before = (await slurmCluster()).status?.keys?.current ?? expect.fail("no key");
    await patch({ metadata: { annotations: { [ROTATE_KEYS_ANNOTATION]: "of tokens" } } });
    await timed("the next key", async () => ((await slurmCluster()).status?.keys?.current ?? 0) > before);
    await timed("another token", async () => (await secretOf("ada")).jwt !== given.jwt);
    const now = await secretOf("ada");
    await timed("slurmctld has the key", async () => (await reasonOf("ada")) === "Issued");
    expect((await ask(other(), "/jobs/", now.jwt)).status).to.equal(200);
    expect((await ask(other(), "/jobs/", given.jwt)).status).to.be.within(400, 599);
    given = now;
  });
}

/** After the controller moved: the same token is taken at the same name. */
export async function answersRest(machine: Machine): Promise<boolean> {
  return (await ask(machine, "/ping/", (await secretOf("ada")).jwt)).status === 200;
}

/** Asks on a machine; with a job, that it be submitted. */
async function ask(machine: Machine, path: string, jwt?: string, job?: object): Promise<Answer> {
  const post = job === undefined ? {} : { method: "POST", body: JSON.stringify({ job }) };
  const question = JSON.stringify({ url: `${ON_MACHINES}${API}${path}`, headers: headersOf(jwt), ...post });
  return JSON.parse(await machine.run([NODE, "-e", ASK], { stdin: Buffer.from(question) })) as Answer;
}

function headersOf(jwt: string | undefined): Readonly<Record<string, string>> {
  return jwt === undefined ? {} : { "x-slurm-user-name": USER, "x-slurm-user-token": jwt };
}

async function patch(change: object): Promise<void> {
  const text = JSON.stringify(change);
  await must(["kubectl", "patch", "slurmcluster", "default", "--type=merge", "--patch", text]);
}

async function apply(name: string, spec: object): Promise<void> {
  const object = { apiVersion: "cluster-os.dev/v1alpha1", kind: "SlurmToken", metadata: { name }, spec };
  await must(["kubectl", "apply", "--filename", "-"], { input: JSON.stringify(object) });
}

async function reasonOf(name: string): Promise<string | undefined> {
  const { status } = await kubectlJson<SlurmTokenObject>("get", "slurmtoken", name);
  return status?.conditions?.find(({ type }) => type === "Ready")?.reason;
}

async function secretOf(name: string): Promise<Given> {
  const { data } = await kubectlJson<{ readonly data: Readonly<Record<string, string>> }>(
    "get",
    "secret",
    name,
  );
  const text = (entry: string): string => Buffer.from(data[entry] ?? "", "base64").toString("utf8");
  return { jwt: text("SLURM_JWT"), url: text("SLURMRESTD_URL") };
}
