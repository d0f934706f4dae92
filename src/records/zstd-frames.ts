/**
 * Whether Zstandard comes to an end where its frames do (RFC 8878, 3.1.1): the runtime's decoders give what is whole of a cut
 * frame without an error. Only headers are looked at, in whatever pieces they come; what is in the blocks is the decoder's.
 */
import { corrupt } from "./refusals.ts";

const MAGIC = 0xfd2fb528;
/** Sixteen numbers, of which the last four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;

/** Bits of the frame header's descriptor, and what its two size codes stand for, in bytes. */
const flag = { contentSizeShift: 6, singleSegment: 0x20, checksum: 0x04, dictionaryMask: 0x03 };
const contentSizeBytes = [0, 2, 4, 8] as const;
const dictionaryBytes = [0, 1, 2, 4] as const;
const CHECKSUM_BYTES = 4;

const RUN_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** What comes next that is looked at, by its size in bytes. */
const headBytes = { magic: 4, skippableSize: 4, descriptor: 1, block: 3 } as const;

export class ZstdFrames {
  readonly #takesSkippable: boolean;
  readonly #head = new DataView(new ArrayBuffer(4));
  #headHas = 0;
  #next: keyof typeof headBytes = "magic";
  /** Bytes up to it that are not looked at. */
  #skip = 0;
  #hasChecksum = false;
  #isEmpty = true;

  constructor({ takesSkippable }: { readonly takesSkippable: boolean }) {
    this.#takesSkippable = takesSkippable;
  }

  /** Refuses with corrupt_message what is no frame. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      this.#head.setUint8(this.#headHas, bytes[at] ?? 0);
      this.#headHas += 1;
      at += 1;
      if (this.#headHas < headBytes[this.#next]) continue;
      this.#headHas = 0;
      this.#take();
    }
  }

  /** Refuses with corrupt_message a frame that was cut, and where there was none. */
  end(): void {
    const isWhole = this.#next === "magic" && this.#headHas === 0 && this.#skip === 0;
    if (!isWhole || this.#isEmpty) throw corrupt("The zstd frame is cut.");
  }

  #take(): void {
    const head = this.#head;
    switch (this.#next) {
      case "magic": {
        const magic = head.getUint32(0, true);
        const isSkippable = this.#takesSkippable && (magic & ~0xf) === SKIPPABLE_MAGIC;
        if (magic !== MAGIC && !isSkippable) throw corrupt("The records are no zstd frame.");
        this.#next = isSkippable ? "skippableSize" : "descriptor";
        break;
      }
      case "skippableSize":
        this.#endFrame(head.getUint32(0, true));
        break;
      case "descriptor":
        this.#takeDescriptor(head.getUint8(0));
        break;
      case "block":
        this.#takeBlock(head.getUint16(0, true) | (head.getUint8(2) << 16));
        break;
      default:
        this.#next satisfies never;
    }
  }

  #takeDescriptor(descriptor: number): void {
    const single = (descriptor & flag.singleSegment) !== 0;
    const sizeCode = descriptor >> flag.contentSizeShift;
    // A single segment tells its size in place of its window.
    const window = single ? (sizeCode === 0 ? 1 : 0) : 1;
    const dictionary = dictionaryBytes[descriptor & flag.dictionaryMask] ?? 0;
    this.#skip = window + (contentSizeBytes[sizeCode] ?? 0) + dictionary;
    this.#hasChecksum = (descriptor & flag.checksum) !== 0;
    this.#next = "block";
  }

  #takeBlock(word: number): void {
    const type = (word >> 1) & 3;
    if (type === RESERVED_BLOCK) throw corrupt("The zstd frame has a block of no known type.");
    const bytes = type === RUN_BLOCK ? 1 : word >> 3;
    if ((word & 1) === 1) this.#endFrame(bytes + (this.#hasChecksum ? CHECKSUM_BYTES : 0));
    else this.#skip = bytes;
  }

  /** After so many bytes another frame may begin. */
  #endFrame(bytes: number): void {
    this.#skip = bytes;
    this.#next = "magic";
    this.#isEmpty = false;
  }
}
