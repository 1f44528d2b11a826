// Does steps (file-step.ts) to a tree, for workers that run compiled code only: another process, or a guest.

/** What `path` leads to; throws a refusal. No symbolic link is followed. */
async function walk(tree, path) {
  let at = tree.root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    at = await tree.lookup(at, name);
    if (typeof at === "string") throw new Error(at);
  }
  return at;
}

async function place(tree, path) {
  const slash = path.lastIndexOf("/");
  const directory = await walk(tree, path.slice(0, Math.max(0, slash)));
  return { directory, name: path.slice(slash + 1) };
}

async function change(tree, path, what) {
  const id = await walk(tree, path);
  const { kind } = await tree.attributes(id);
  if (kind !== "symlink") await tree.writable.change(id, what);
}

const STEPS = {
  create: async (t, { path, mode }) => t.writable.create(await place(t, path), { mode }),
  mkdir: async (t, { path, mode }) => t.writable.mkdir(await place(t, path), { mode }),
  setMode: (t, { path, mode }) => change(t, path, { mode }),
  setMtime: (t, { path, mtimeMs }) => change(t, path, { mtimeMs }),
  truncate: (t, { path, size }) => change(t, path, { size }),
  write: async (t, { path, at, len, octet }) =>
    t.writable.write(await walk(t, path), at, new Uint8Array(len).fill(octet)),
  rmdir: async (t, { path }) => t.writable.rmdir(await place(t, path)),
  remove: async (t, { path }) => t.writable.remove(await place(t, path)),
  rename: async (t, { path, to }) => t.writable.rename(await place(t, path), await place(t, to)),
  link: async (t, { path, to }) => t.writable.link(await walk(t, path), await place(t, to)),
  symlink: async (t, { path, target }) => t.writable.symlink(await place(t, path), target, {}),
  list: () => undefined,
  read: () => undefined,
};

/** Resolves when the step is answered; many are refused, as there is no such path. */
export async function doTreeStep(tree, step) {
  await Promise.resolve(STEPS[step.op](tree, step)).catch(() => undefined);
}
