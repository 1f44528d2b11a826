import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { OciPick } from "../../site/site.ts";
import { ANNOTATION, type Descriptor } from "./oci-manifest.ts";

/** How many names an error lists. */
const NAMED = 10;

/**
 * The image of an index that is for a platform: "linux/arm64", or "linux/arm/v7" where the variant matters.
 *
 * An index with a single entry that names no platform is an artifact's; that one is taken. Throws E_STORE_MISSING, which says which
 * platforms there are.
 */
export function pickPlatform(
  manifests: readonly Descriptor[],
  platform: string,
  label: string,
): Descriptor {
  const [os, architecture, variant] = platform.split("/");
  const found = manifests.find(
    ({ platform: p }) =>
      p?.os === os &&
      p?.architecture === architecture &&
      (variant === undefined || p?.variant === variant),
  );
  if (found !== undefined) return found;
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined && !only.platform) return only;
  const there = named(manifests.map(platformText));
  throw new AgentError("E_STORE_MISSING", `${label} has no image for ${platform}: ${there}`, {
    cure: "Correct `platform` of the asset, or push an image for it.",
  });
}

/** The layer that is meant. Throws E_STORE_MISSING, which says what there is. */
export function pickLayer(
  layers: readonly Descriptor[],
  pick: Exclude<OciPick, { by: "path" }>,
  label: string,
): Descriptor {
  const matching = distinct(layers.filter((layer) => matches(layer, pick)));
  const [found] = matching;
  if (matching.length === 1 && found !== undefined) return found;
  const what = matching.length === 0 ? "no layer" : `${matching.length} layers`;
  const there = named(layers.map(layerText));
  throw new AgentError("E_STORE_MISSING", `${label} has ${what} ${pickText(pick)}: ${there}`, {
    cure: "Name one layer of the artifact by its `title`, or a file inside its layers by `path`.",
  });
}

/** The file name that a layer's pusher gave it; undefined when it has none. */
export function layerTitle(layer: Descriptor): string | undefined {
  return layer.annotations?.[ANNOTATION.title];
}

/** A pick as part of an id: the same text for the same pick. */
export function pickKey(pick: OciPick): string {
  switch (pick.by) {
    case "title":
      return `title=${pick.title}`;
    case "mediaType":
      return `mediaType=${pick.mediaType}`;
    case "path":
      return `path=${pick.path}`;
    case "only":
      return "only";
  }
}

function matches(layer: Descriptor, pick: Exclude<OciPick, { by: "path" }>): boolean {
  switch (pick.by) {
    case "title":
      return layerTitle(layer) === pick.title;
    case "mediaType":
      return layer.mediaType === pick.mediaType;
    case "only":
      return true;
  }
}

/** One layer may be listed twice; that is no ambiguity. */
function distinct(layers: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
}

function pickText(pick: Exclude<OciPick, { by: "path" }>): string {
  switch (pick.by) {
    case "title":
      return `with the title "${pick.title}"`;
    case "mediaType":
      return `of type ${pick.mediaType}`;
    case "only":
      return "where one is expected";
  }
}

function layerText(layer: Descriptor): string {
  const title = layerTitle(layer);
  return title === undefined ? layer.mediaType : `"${title}"`;
}

function platformText({ platform: p }: Descriptor): string {
  if (!p) return "one without a platform";
  return [p.os, p.architecture, p.variant].filter(Boolean).join("/");
}

function named(names: readonly string[]): string {
  if (names.length === 0) return "there is nothing in it";
  const shown = [...new Set(names)].slice(0, NAMED).map((name) => printableCut(name, 100));
  return `there is ${shown.join(", ")}${names.length > NAMED ? ", …" : ""}`;
}
