import type { MachineFacts } from "../machine.ts";

export interface Command {
  readonly file: string;
  /** Never a secret: arguments are visible to everybody on the machine. */
  readonly args: readonly string[];
  /** The command is killed after so many milliseconds. */
  readonly timeoutMs: number;
  /** Where standard output and error are added to (mode 0600) instead of being returned. */
  readonly logPath?: string;
}

export interface CommandResult {
  /** Undefined when it was killed, by the time-out too. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HttpsRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: string;
  readonly contentType?: string;
  readonly body?: string;
  /** PEM of the authority that must have issued the server's certificate. */
  readonly ca: string;
  /** PEM of the client's certificate and key, where the server asks for one. */
  readonly client?: { readonly certificate: string; readonly key: string };
  readonly timeoutMs: number;
}

export interface HttpsResponse {
  readonly status: number;
  readonly body: string;
}

export interface DownloadTarget {
  readonly path: string;
  readonly decode: (line: string) => Uint8Array;
}

/**
 * The machine as the kubeadm driver touches it. Everything goes through here, so that the driver's steps can be run
 * against a recording fake.
 */
export interface Host {
  /** How many times longer than on usual hardware everything may take here; 1 on that. */
  readonly patience: number;
  run(command: Command, signal: AbortSignal): Promise<CommandResult>;
  /** Throws when no answer came in time; any HTTP status is an answer. */
  request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsResponse>;
  /** Writes the lines of an answer into a file (0600), each decoded; whole or not at all. Any status but 200 is an error. */
  download(request: HttpsRequest, target: DownloadTarget, signal: AbortSignal): Promise<void>;
  /** undefined if there is no such file. */
  readFile(path: string): Promise<string | undefined>;
  /** Replaces the file atomically if its content differs, and says whether it did. */
  writeFile(path: string, content: string, mode: number): Promise<boolean>;
  /** Writes a value to a file of the kernel (/proc/sys) unless it is there already; false if there is no such file. */
  setKernelParameter(name: string, value: string): Promise<boolean>;
  makeFolder(path: string, mode: number): Promise<void>;
  /** Names in a folder; none if there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Removes a file or a whole folder, on one file system. No error if it is not there. */
  remove(path: string): Promise<void>;
  /** Gives a file a second name, in place of what has it: a hard link, so both are on one file system. */
  link(from: string, to: string): Promise<void>;
  /** Moves a file or a whole folder, to another file system too. No error if it is not there. */
  move(from: string, to: string): Promise<void>;
  /** Empties a folder, which may be a mount point itself. */
  empty(folder: string): Promise<void>;
  inspect(): Promise<MachineFacts>;
}
