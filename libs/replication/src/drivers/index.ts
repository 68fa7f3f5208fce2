/** The parts of replication that touch a machine: the store in a folder, the directory itself, connections, and what runs them. */
export { openFolderStore, type FolderStoreOptions } from "./folder-store.ts";
export { DirectoryReader, ReadingError } from "./read-directory.ts";
export {
  NotLeadingError,
  openReplica,
  type Leadership,
  type Replica,
  type ReplicaOptions,
} from "./replica.ts";
export { restoreDirectory, RestoreError, type Owner, type RestoreOptions } from "./restore-directory.ts";
export { DirectoryWatch } from "./watch-directory.ts";
export {
  CertificateError,
  checkCertificate,
  type CertificateCheck,
  type CertificateSubject,
} from "./certificate.ts";
export { openTlsTransport, type Credentials, type TlsTransportOptions } from "./tls-transport.ts";
