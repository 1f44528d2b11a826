import { AgentError } from "../../../errors.ts";
import type { Content } from "../../content.ts";
import { cpioFormat } from "../../treatment/archives/cpio-header.ts";
import { isTarEnd, isTarHeader, TAR_BLOCK } from "../../treatment/archives/tar-header.ts";
import { recogniseCompression } from "../../treatment/compression/recognise.ts";
import { Refusal } from "../../treatment/refusal.ts";
import { COMPRESSIONS } from "../../treatment/treatment.ts";
import { cpioEntries } from "./cpio-entries.ts";
import type { ImageEntry } from "./image-entry.ts";
import { ImageIndex } from "./image-index.ts";
import { ImageOctets } from "./image-octets.ts";
import { tarEntries } from "./tar-entries.ts";

/** Of a squashfs image, whichever order its octets have. */
const SQUASHFS = /^(hsqs|sqsh)/;

/**
 * Makes the index of an image: a tar archive, or cpio archives as the kernel takes them. Others get their turn between chunks.
 *
 * Rejects with E_TREE_IMAGE when it is none that can be served, or damaged; and as `Content.load`.
 */
export async function readImage(content: Content, maxNodes: number): Promise<ImageIndex> {
  const octets = new ImageOctets(content);
  const index = new ImageIndex(maxNodes, content.mtimeMs);
  try {
    for await (const entry of await entriesOf(octets, content.name)) index.add(entry);
    index.finish();
    return index;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new AgentError("E_TREE_IMAGE", `the image "${content.name}" ${error.message}`, {
      cause: error,
    });
  } finally {
    octets.close();
  }
}

async function entriesOf(octets: ImageOctets, name: string): Promise<AsyncIterable<ImageEntry>> {
  const head = await octets.read(0, Math.min(TAR_BLOCK, octets.size), "its beginning");
  if (cpioFormat(head) !== undefined) return cpioEntries(octets);
  if (isTarHeader(head) || (head.length === TAR_BLOCK && isTarEnd(head))) return tarEntries(octets);
  const compression = recogniseCompression(head);
  if (compression !== undefined) throw compressed(name, compression);
  if (SQUASHFS.test(String.fromCharCode(...head.subarray(0, 4)))) {
    throw new AgentError("E_TREE_IMAGE", `the image "${name}" is a squashfs, which is not read`, {
      cure: "Make a tar archive of it: `unsquashfs -d root IMAGE && tar -C root -cf root.tar .` as root; or name the folder as `root`.",
    });
  }
  throw new Refusal("is neither a tar nor a cpio archive");
}

/** It is unpacked once when it comes into the cache, not each time that something is read. */
function compressed(name: string, compression: string): AgentError {
  const ours = COMPRESSIONS.find((known) => known === compression);
  const cure =
    ours === undefined
      ? "Unpack it first, or pack it with gzip, xz, zstd or bzip2."
      : `Set \`decompress: ${ours}\` of the asset in the site: it is then unpacked when it is fetched.`;
  const message = `the image "${name}" is compressed with ${compression}: nothing within it can be found`;
  return new AgentError("E_TREE_IMAGE", message, { cure });
}
