// Machines that change their roots as steps say.
import { existsSync, readdirSync } from "node:fs";
import { gather, loadRange } from "../../../../dist/agent/assets/content.js";
import { doTreeStep } from "../../../support/file-ops/tree-steps.mjs";
import { must, say, sha256 } from "./console.mjs";

/** What a disk writes in one piece. */
const PAGE = 4_096;

/** Every name that the layer knows leads to a node, and every content file has one. */
export function checkRecords(overlays, machine, layer) {
  const { generation } = layer;
  for (const { directory, name, record } of overlays.store.allNames(generation)) {
    const where = `${machine}: ${encodeURIComponent(name)} in ${directory}`;
    const above = layer.node(directory);
    must(above?.kind === "directory" && !above.gone, where, "is in no directory");
    if (record.id === 0) continue;
    const node = layer.node(record.id);
    must(node && !node.gone, where, "leads to no node");
  }
  const { dir } = layer.files;
  for (const file of existsSync(dir) ? readdirSync(dir) : []) {
    must(/^[0-9a-f]{8}$/.test(file), machine, "has a file", file);
    must(layer.node(Number.parseInt(file, 16))?.data, machine, "has octets of no node:", file);
  }
}

/** All octets of a file. */
export async function contentOf(tree, id) {
  const content = await tree.content(id);
  must(typeof content !== "string", "octets of", id, content);
  const pieces = [];
  while (gather(content, 0, content.size, pieces) >= 0) await loadRange(content, 0, content.size);
  const octets = Buffer.concat(pieces);
  must(octets.length === content.size, id, "has", octets.length, "octets, not", content.size);
  return octets;
}

/** A digest of each page, with zeros behind the end. */
function pagesOf(octets) {
  const pages = [];
  for (let at = 0; at < octets.length; at += PAGE) {
    const page = Buffer.alloc(PAGE);
    octets.copy(page, 0, at);
    pages.push(sha256(page).slice(0, 8));
  }
  return pages.join(",");
}

async function textOf(tree, id, kind) {
  if (kind === "directory") return "";
  if (kind === "file") return pagesOf(await contentOf(tree, id));
  const link = await tree.readlink(id);
  must(typeof link !== "string", "the text of", id, link);
  return encodeURIComponent(link.target);
}

/** A line for all that there is, by its path. */
export async function sayTree(tree, machine, id = tree.root, path = "") {
  const attributes = await tree.attributes(id);
  must(typeof attributes === "object", machine, encodeURIComponent(path), "is", attributes);
  const { kind, mode, nlink, size, mtimeMs } = attributes;
  const facts = [kind, mode, nlink, kind === "directory" ? 0 : size, Math.round(mtimeMs)];
  say("node", machine, encodeURIComponent(path), ...facts, await textOf(tree, id, kind));
  if (kind !== "directory") return;
  for (const { name, fileid } of await tree.list(id)) {
    await sayTree(tree, machine, fileid, path === "" ? name : `${path}/${name}`);
  }
}

/** Does the steps, one after the other. */
export async function workOn(tree, machine, steps) {
  for (const [i, step] of steps.entries()) {
    await doTreeStep(tree, step);
    say("did", machine, i);
  }
}
