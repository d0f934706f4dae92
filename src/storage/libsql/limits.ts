/**
 * The named limits of a storage in a file.
 */

export interface LibsqlStorageLimits {
  /** Space on the volume below which appends are refused; an eighth of the volume where that is less. */
  readonly freeBytesMin: number;
  readonly readersMax: number;
  /** Large reads kept for other readers, and asked for before they are. */
  readonly readAheadBytesMax: number;
  /** Buffers kept between large reads. */
  readonly pageBuffersBytesMax: number;
  /** Those that threads share, in use or kept: 0 where what is read goes to what cannot send them. */
  readonly sharedBuffersBytesMax: number;
  /** Bytes and changes that one commit takes at most. */
  readonly commitBytesMax: number;
  readonly commitChangesMax: number;
}

export const libsqlStorageLimits: LibsqlStorageLimits = {
  freeBytesMin: 64 * 1024 * 1024,
  readersMax: 2,
  readAheadBytesMax: 32 * 1024 * 1024,
  pageBuffersBytesMax: 32 * 1024 * 1024,
  sharedBuffersBytesMax: 24 * 1024 * 1024,
  commitBytesMax: 16 * 1024 * 1024,
  commitChangesMax: 4096,
};
