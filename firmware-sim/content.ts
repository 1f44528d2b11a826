import type { Octets } from "../protocols/wire/octets.ts";
import { BootFailure } from "./boot-script.ts";
import { crc32 } from "./crc32.ts";
import type { ExpectedFile, FirmwareEvent, FirmwareOptions } from "./firmware.ts";

/** A progress event at most every so many octets. */
const PROGRESS_STEP = 262_144;

/**
 * One file while it is being loaded: hands each piece to the sink, sums it up, reports progress, and at the end compares
 * size and CRC-32 with what was expected. Anything wrong is a `BootFailure`.
 */
export class IncomingFile {
  /** Octets received so far; the next piece belongs here. */
  received = 0;
  private crc = 0;
  private readonly kept: number[] = [];
  private reported = 0;
  private readonly file: string;
  private readonly protocol: string;
  private readonly total: number | null;
  private readonly options: FirmwareOptions;
  private readonly expected: ExpectedFile | undefined;
  private readonly keep: boolean;
  private readonly say: (event: FirmwareEvent) => void;

  constructor(
    file: string,
    protocol: string,
    total: number | null,
    options: FirmwareOptions,
    say: (event: FirmwareEvent) => void,
    keep = false,
  ) {
    this.file = file;
    this.protocol = protocol;
    this.total = total;
    this.options = options;
    this.expected = options.expect?.(file);
    this.say = say;
    this.keep = keep;
  }

  /** The content as text, one character an octet, when the file was opened to be kept: boot scripts are. */
  text(): string {
    return this.kept.map((c) => String.fromCharCode(c)).join("");
  }

  /** The next piece of the file. */
  piece(o: Octets, at: number, len: number): void {
    const complaint = this.options.sink?.(this.file, this.received, o, at, len);
    if (complaint !== undefined) throw new BootFailure(this.protocol, `${this.file}: ${complaint}`);
    if (this.keep) for (let i = 0; i < len; i++) this.kept.push(o.u8[at + i] ?? 0);
    if (this.expected) this.crc = crc32(o, at, len, this.crc);
    this.received += len;
    if (this.received - this.reported >= PROGRESS_STEP) this.report(false);
  }

  /** The file is complete: returns its size. */
  complete(): number {
    const { file, protocol, received, expected } = this;
    if (expected && expected.size !== received) {
      throw new BootFailure(
        protocol,
        `${file}: ${received} octets came, expected ${expected.size} octets`,
      );
    }
    if (expected && expected.crc32 !== this.crc) {
      throw new BootFailure(
        protocol,
        `${file}: CRC-32 is ${crcText(this.crc)}, expected ${crcText(expected.crc32)}`,
      );
    }
    this.report(true);
    return received;
  }

  private report(done: boolean): void {
    this.reported = this.received;
    const { file, protocol, received, total } = this;
    this.say({ kind: "transfer", file, protocol, octets: received, total, done });
  }
}

function crcText(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
