/**
 * The process's own logger, on stderr: one JSON object a line (as pino writes them), or short lines for a person on a
 * terminal.
 *
 * - Lines are written straight through and stop nobody: what stderr does not take (a file on a full disk, a pipe that nobody
 *   reads) is lost.
 * - An error among the fields is written with its stack (JSON) or its message (short).
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { errorCode } from "../lib/error-code.ts";
import type { LogFields, Logger } from "../lib/logger.ts";
import type { LogLevel, LoggerOptions, ProcessLogger } from "../lib/platform.ts";

const STDERR = 2;
const WRITE_TRIES_MAX = 200;
const WRITE_PAUSE_MS = 5;
const rank: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };
const paint: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};

interface Line {
  readonly level: LogLevel;
  readonly timeMs: number;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

interface Sink {
  write(line: Line): void;
}

export function makeLogger(options: LoggerOptions): ProcessLogger {
  const terminal = process.stderr.isTTY;
  const short = options.format === "short" || (options.format === "auto" && terminal);
  const sink = short ? shortSink(terminal && !process.env["NO_COLOR"]) : jsonSink;
  const say =
    (level: LogLevel): Logger["info"] =>
    (message, fields) => {
      if (rank[level] < rank[logger.level]) return;
      sink.write({ level, timeMs: Date.now(), message, fields });
    };
  const logger: ProcessLogger = {
    level: options.level,
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
  };
  return logger;
}

/** `12:00:00.000 warn disk is nearly full freeBytes=1048576` */
function shortSink(colours: boolean): Sink {
  return {
    write({ level, timeMs, message, fields }) {
      const time = new Date(timeMs).toISOString().slice(11, 23);
      const rest = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${show(value)}`);
      const word = colours ? `${paint[level]}${level}\x1b[0m` : level;
      writeWhole(`${time} ${word} ${message}${rest.join("")}\n`);
    },
  };
}

function show(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === "string" ? value : (JSON.stringify(value, bigintAsText) ?? "undefined");
}

/** Each line is whole by the time that `write` returns: it has left the process, also when that dies in the next step. */
const jsonSink: Sink = {
  write({ level, timeMs, message, fields }) {
    const object = { level, pid: process.pid, time: timeMs, ...plain(fields), msg: message };
    writeWhole(`${jsonText(object)}\n`);
  },
};

/** Fields that cannot be written cost the line these, never the process. */
function jsonText({ level, pid, time, msg, ...fields }: Record<string, unknown>): string {
  try {
    return JSON.stringify({ level, pid, time, ...fields, msg }, bigintAsText);
  } catch (error) {
    return JSON.stringify({ level, pid, time, unwritten: String(error), msg });
  }
}

/** True once stderr has not taken a line for as long as it is waited for: then each line is tried once, until one is taken. */
let stuck = false;

/** stderr may be a pipe that does not block: what it cannot take just now is tried again, for a while. */
function writeWhole(line: string): void {
  const bytes = new TextEncoder().encode(line);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const triesMax = stuck ? 1 : WRITE_TRIES_MAX;
  let at = 0;
  for (let tries = 0; at < bytes.length && tries < triesMax; tries++) {
    try {
      at += writeSync(STDERR, bytes, at);
    } catch (error) {
      const again = errorCode(error) === "EAGAIN";
      if (!again) return; // Nobody reads any more, or the disk is full: no reason to stop for.
      if (!stuck) Atomics.wait(pause, 0, 0, WRITE_PAUSE_MS);
    }
  }
  stuck = at < bytes.length;
}

function plain(fields: LogFields | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, value]) => [
      name,
      value instanceof Error
        ? { type: value.name, message: value.message, stack: value.stack }
        : value,
    ]),
  );
}

function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
