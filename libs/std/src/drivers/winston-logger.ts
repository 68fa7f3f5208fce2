import winston from "winston";
import type { LogFields, Logger } from "../logger.ts";

export interface LoggerOptions {
  /** The least level that is written: debug, info, warn or error. */
  readonly level: string;
}

/** One JSON object a line on standard error, where systemd's journal picks it up. */
export function createLogger(options: LoggerOptions): Logger {
  const root = winston.createLogger({
    level: options.level,
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Console({ stderrLevels: ["error", "warn", "info", "debug"] })],
  });
  return wrap(root);
}

function wrap(target: winston.Logger): Logger {
  return {
    debug: (message, fields) => void target.debug(message, fields),
    info: (message, fields) => void target.info(message, fields),
    warn: (message, fields) => void target.warn(message, fields),
    error: (message, fields) => void target.error(message, fields),
    child: (fields: LogFields) => wrap(target.child(fields)),
  };
}
