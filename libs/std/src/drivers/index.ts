/** The parts of std that touch the machine: clocks, randomness, files, waiting, the log. Cores do not import this. */
export * from "./files.ts";
export * from "./system.ts";
export * from "./wait.ts";
export * from "./winston-logger.ts";
export {
  requestCertificate,
  type CertificateRequest,
  type CertificateSubject,
} from "./certificate-request.ts";
