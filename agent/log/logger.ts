import { type Logger, pino } from "pino";

/** Levels that `--log-level` takes. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `text` for people; `json`, one pino object a line, for collectors. */
export type LogFormat = "text" | "json";

/** Where lines go; standard error in the product. */
export type LineSink = (line: string) => void;

/** The agent's log. */
export function createLogger(level: LogLevel, format: LogFormat, write: LineSink): Logger {
  const stream = { write: format === "json" ? write : (line: string) => write(textLine(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

function textLine(json: string): string {
  const record = JSON.parse(json) as { level: number; time: string; msg?: string };
  const label = pino.levels.labels[record.level] ?? "info";
  const tag = label === "info" ? "" : `${label}: `;
  return `${record.time.slice(11, 23)} ${tag}${record.msg ?? ""}\n`;
}
