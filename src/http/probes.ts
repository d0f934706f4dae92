/**
 * What the HTTP door asks of the node that opened it.
 */

/** What only the node knows. */
export interface NodeProbes {
  /** Name of each thing that must work before the node serves, and whether it does. */
  readonly checks?: () => Promise<readonly ReadinessCheck[]> | readonly ReadinessCheck[];
  /** More lines for `/metrics`, in Prometheus' text format. */
  readonly metrics?: () => Promise<string> | string;
  /** Makes a live copy of the node's files; none where nothing is on disk. */
  readonly backup?: () => Promise<BackupSource>;
}

/** Copies that are there until `discard`. */
export interface BackupSource {
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    read(): AsyncIterable<Uint8Array>;
  }[];
  discard(): Promise<void>;
}

export interface ReadinessCheck {
  readonly name: string;
  readonly ready: boolean;
  readonly detail?: string;
}
