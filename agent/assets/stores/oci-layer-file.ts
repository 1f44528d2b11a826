import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import { type FoundFile, type LayerRequest, scanLayer } from "./oci-layer-scan.ts";
import type { Descriptor } from "./oci-manifest.ts";
import { imagePath, linkTarget } from "./oci-path.ts";
import type { OciRepository } from "./oci-store.ts";

/** Links followed before we give up; Linux follows 40, but here each may cost another pass over the layers. */
const HOPS = 12;

/**
 * Finds a file in the layers of an image (lowest first) as a container would see it: the uppermost layer that has it counts,
 * whiteouts hide what is below them (OCI image-spec 1.1, layer.md), links are followed and never lead out of the image.
 *
 * Layers are read from the top and only as far down as needed, each in one pass and never held. Every layer that is read is read in
 * full and verified, those too that only tell that the file is not in them. A link costs another pass from the top.
 *
 * Rejects with E_STORE_MISSING when there is no such file, E_STORE_BROKEN when a layer is not what its digest says or no tar
 * archive, what the repository rejects with, or the signal's reason.
 */
export async function openLayerFile(
  repository: OciRepository,
  layers: readonly Descriptor[],
  path: string,
  request: LayerRequest,
): Promise<FoundFile> {
  const downward = layers.toReversed();
  let wanted = imagePath(path) ?? "";
  let start = 0;
  for (let hop = 0; hop <= HOPS; hop++) {
    const found = await search(repository, downward.slice(start), wanted, request);
    switch (found.what) {
      case "file":
        return found.file;
      case "symlink":
        wanted = linkTarget(found.at, found.target, wanted);
        start = 0;
        break;
      case "hardlink":
        // Its file is in the same archive, whatever layers above do with that name.
        wanted = imagePath(found.target) ?? "";
        start += found.depth;
        break;
      case "nothing":
        throw missing(repository, path, wanted, found.why);
    }
  }
  const message = `${repository.label}: "${path}" leads through more than ${HOPS} links`;
  throw new AgentError("E_STORE_BROKEN", message);
}

type Found =
  | { readonly what: "file"; readonly file: FoundFile }
  | { readonly what: "symlink"; readonly at: string; readonly target: string }
  | { readonly what: "hardlink"; readonly target: string; readonly depth: number }
  | { readonly what: "nothing"; readonly why: string };

async function search(
  repository: OciRepository,
  downward: readonly Descriptor[],
  wanted: string,
  request: LayerRequest,
): Promise<Found> {
  /** Folders on the way that layers above have: a link of that name below is hidden by them. */
  const folders = new Set<string>();
  for (const [depth, layer] of downward.entries()) {
    const scan = await scanLayer(repository, layer, wanted, request);
    switch (scan.what) {
      case "file":
        return scan;
      case "hardlink":
        return { ...scan, depth };
      case "symlink":
        if (!folders.has(scan.at)) return scan;
        return { what: "nothing", why: "a folder of an upper layer is in its place" };
      case "hidden":
        return { what: "nothing", why: scan.why };
      case "unseen":
        for (const folder of scan.folders) folders.add(folder);
        break;
    }
  }
  return { what: "nothing", why: `none of ${downward.length} layers has it` };
}

function missing(repository: OciRepository, path: string, wanted: string, why: string): AgentError {
  const via = imagePath(path) === wanted ? "" : ` (a link to "${printableCut(wanted, 200)}")`;
  const message = `${repository.label} has no file "${path}"${via}: ${why}`;
  return new AgentError("E_STORE_MISSING", message, {
    cure: "Correct `path` of the asset: it is the file's place in the image, without a leading slash.",
  });
}
