import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import {
  AgentCertificateRequest,
  LOCAL_API,
  type AgentCertificateAnswer,
  type NodeStatus,
} from "@cluster-os/api";

export interface BootstrapSocket extends AsyncDisposable {
  readonly path: string;
}

/** A bootstrap's socket that answers what node-agent asks, over real HTTP. */
export async function listenAsBootstrap(answers: {
  /** Where to listen; a path that was used before, or else a new one. */
  readonly path?: string | undefined;
  readonly status: () => NodeStatus;
  readonly certificate: (csrPem: string) => Promise<AgentCertificateAnswer>;
}): Promise<BootstrapSocket> {
  const path = answers.path ?? join(await mkdtemp(join(tmpdir(), "bootstrap-socket-")), "bootstrap.sock");
  await mkdir(dirname(path), { recursive: true });
  const server = createServer((request, response) => {
    const answer = async (): Promise<unknown> => {
      if (request.url === LOCAL_API.status.path) return answers.status();
      const { csrPem } = AgentCertificateRequest.parse(JSON.parse(await text(request)));
      return answers.certificate(csrPem);
    };
    answer().then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(503).end(JSON.stringify({ error: String(error) })),
    );
  });
  await new Promise<void>((done) => server.listen(path, done));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(dirname(path), { recursive: true, force: true });
    },
  };
}
