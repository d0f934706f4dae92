/**
 * What the kernel says of a process: CPU, memory, bytes written. Linux only; elsewhere every figure is NaN and the tables
 * leave it out.
 */
import { readFileSync } from "node:fs";

/** The kernel's clock ticks a second, fixed for user space on every Linux. */
const ticksPerSecond = 100;

function file(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function field(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text);
  return match ? Number(match[1]) : Number.NaN;
}

/** User and system CPU of all threads, in seconds; 10 ms is the grain. */
export function cpuSeconds(pid: number): number {
  const text = file(pid, "stat");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)) / ticksPerSecond;
}

/** Resident memory now and at its highest, in MB (10^6 bytes). */
export function memoryMb(pid: number): { now: number; peak: number } {
  const text = file(pid, "status");
  return { now: (field(text, "VmRSS") * 1024) / 1e6, peak: (field(text, "VmHWM") * 1024) / 1e6 };
}

/** Bytes that this process made the kernel write to block devices. */
export function bytesWritten(pid: number): number {
  return field(file(pid, "io"), "write_bytes");
}
