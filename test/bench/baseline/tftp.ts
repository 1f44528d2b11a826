// How a Node user reads and writes TFTP (RFC 1350, 2347) without a package: objects, strings and Buffers.

export type TftpPacket =
  | {
      readonly op: "rrq" | "wrq";
      readonly filename: string;
      readonly mode: string;
      readonly options: Map<string, string>;
    }
  | { readonly op: "data"; readonly block: number; readonly data: Buffer }
  | { readonly op: "ack"; readonly block: number }
  | { readonly op: "error"; readonly code: number; readonly message: string }
  | { readonly op: "oack"; readonly options: Map<string, string> };

export function decodeTftp(b: Buffer): TftpPacket {
  const op = b.readUInt16BE(0);
  switch (op) {
    case 1:
    case 2: {
      const [filename = "", mode = "", ...rest] = texts(b);
      return {
        op: op === 1 ? "rrq" : "wrq",
        filename,
        mode: mode.toLowerCase(),
        options: options(rest),
      };
    }
    case 3:
      return { op: "data", block: b.readUInt16BE(2), data: b.subarray(4) };
    case 4:
      return { op: "ack", block: b.readUInt16BE(2) };
    case 5:
      return {
        op: "error",
        code: b.readUInt16BE(2),
        message: b.toString("latin1", 4).split("\0")[0] ?? "",
      };
    case 6:
      return { op: "oack", options: options(texts(b)) };
    default:
      throw new Error(`opcode ${op}`);
  }
}

export function encodeOack(given: ReadonlyMap<string, string>): Buffer {
  const parts = [Buffer.from([0, 6])];
  for (const [name, value] of given) parts.push(Buffer.from(`${name}\0${value}\0`, "latin1"));
  return Buffer.concat(parts);
}

/** A DATA header; a plain server concatenates it with the payload, which is left out here as it is of ours. */
export function encodeDataHeader(block: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeUInt16BE(3, 0);
  b.writeUInt16BE(block, 2);
  return b;
}

function texts(b: Buffer): string[] {
  return b.toString("latin1", 2).split("\0").slice(0, -1);
}

function options(list: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < list.length; i += 2)
    map.set((list[i] ?? "").toLowerCase(), list[i + 1] ?? "");
  return map;
}
