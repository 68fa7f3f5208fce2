import { z } from "zod";
import { AgentCertificateRequest } from "./local-acts.ts";

/** TCP port of the API that members offer each other, on their mesh addresses only. */
export const PEER_API_PORT = 8687;

/** Body of topic `join-credentials`: what a node that was elected asks a ready server for. */
export const JoinCredentialsRequest = z.object({
  role: z.enum(["server", "worker"]),
  /** The epoch under which the credentials are to be used; a server of another epoch refuses. */
  epoch: z.int().min(0),
  /** The epoch of the roles that the act belongs to; for a server's credentials, both have to know the same one. */
  rolesEpoch: z.int().min(0),
  /** Whether the machine joins Kubernetes anew, or is in it already: as a worker that is promoted, or one whose kubelet is known no more. */
  act: z.enum(["join", "promote", "readmit"]),
});
export type JoinCredentialsRequest = z.infer<typeof JoinCredentialsRequest>;

/** Body of topic `step-down`: a server that is to be one no more asks another one how. */
export const StepDownRequest = z.object({
  rolesEpoch: z.int().min(0),
  /** `demote` in good order, or `set-aside` what was begun of a promotion. */
  wish: z.enum(["demote", "set-aside"]),
});
export type StepDownRequest = z.infer<typeof StepDownRequest>;

/** Whether etcd lists it still: then it leaves in good order; else it sets its state aside. */
export const StepDownAnswer = z.object({ isMember: z.boolean() });
export type StepDownAnswer = z.infer<typeof StepDownAnswer>;

/** Body of topic `snapshot-part`: a server hands a piece of a sealed snapshot over. An empty one asks how much is there. */
export const SnapshotPart = z.object({
  name: z.string().max(32),
  /** All of it, in bytes. */
  size: z
    .int()
    .min(1)
    .max(2 ** 31),
  sha256: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32),
  offset: z.int().min(0),
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
});
export type SnapshotPart = z.infer<typeof SnapshotPart>;

/** How many bytes of it are there: the offset of the next piece. */
export const SnapshotPartAnswer = z.object({ next: z.int().min(0) });
export type SnapshotPartAnswer = z.infer<typeof SnapshotPartAnswer>;

/** Body of topic `snapshot-list`: a server asks which snapshots the other machine keeps. */
export const SnapshotListRequest = z.object({});

/** Their names, the newest first. */
export const SnapshotList = z.object({ names: z.array(z.string().max(32)).max(64) });
export type SnapshotList = z.infer<typeof SnapshotList>;

/** A place in a file, in bytes. */
const FileOffset = z
  .int()
  .min(0)
  .max(2 ** 31);

/** Body of topic `snapshot-read`: a server asks for a piece of a sealed snapshot. */
export const SnapshotRead = z.object({ name: z.string().max(32), offset: FileOffset });
export type SnapshotRead = z.infer<typeof SnapshotRead>;

/** The bytes from there on, as many as fit into an answer; none at the end. `size` is that of all of it. */
export const FilePiece = z.object({
  size: z
    .int()
    .min(1)
    .max(2 ** 31),
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
});
export type FilePiece = z.infer<typeof FilePiece>;

/** A Debian package, known by the SHA-256 of all its bytes: 64 hexadecimal digits. */
export const PackageDigest = z.string().regex(/^[0-9a-f]{64}$/);

/** Body of topic `package-read`: a member asks for a piece of a package that it was told to fetch. */
export const PackageRead = z.object({ sha256: PackageDigest, offset: FileOffset });
export type PackageRead = z.infer<typeof PackageRead>;

/** Body of topic `kubernetes-upgrade`: the server that leads has a machine bring a part of it to a version. Again is the same. */
export const UpgradeOrder = z.object({
  /** `package` is what brings it: to be installed, which changes nothing that runs. */
  part: z.enum(["package", "control-plane", "kubelet"]),
  /** For example "v1.35.4". */
  version: z.string().max(40),
  sha256: PackageDigest,
  /** Which asking it belongs to: a machine that gave up tries again only for another one. */
  ask: z.string().max(64),
  /** Node names of the machines that have the package. */
  holders: z.array(z.string().max(64)).max(1024),
});
export type UpgradeOrder = z.infer<typeof UpgradeOrder>;

/** How far that machine is: in words while it works, and why it gave up if it did. */
export const UpgradeProgress = z.object({
  state: z.enum(["working", "failed", "done"]),
  what: z.string(),
});
export type UpgradeProgress = z.infer<typeof UpgradeProgress>;

/** Body of the answer to topic `agent-certificate`. */
export const IssuedAgentCertificate = z.object({ certificatePem: z.string(), caPem: z.string() });
export type IssuedAgentCertificate = z.infer<typeof IssuedAgentCertificate>;

/** What each topic of the peer API asks with; the answers of `join-credentials` are the distribution's own. */
export const PEER_API_REQUESTS = {
  "join-credentials": JoinCredentialsRequest,
  "agent-certificate": AgentCertificateRequest,
  "step-down": StepDownRequest,
  "snapshot-part": SnapshotPart,
  "snapshot-list": SnapshotListRequest,
  "snapshot-read": SnapshotRead,
  "package-read": PackageRead,
  "kubernetes-upgrade": UpgradeOrder,
} as const;
