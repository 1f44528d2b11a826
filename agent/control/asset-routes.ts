import { Hono } from "hono";
import * as v from "valibot";
import { AgentError } from "../errors.ts";
import type { AgentAssets } from "./asset-status.ts";

const MAX_NAMES = 10_000;
const MAX_NAME_LEN = 300;

/** What can be asked of an agent about its assets. Each rejects with AgentError. */
export interface AssetControl {
  status(): Promise<AgentAssets>;
  /** Fetches what is missing now. Of all assets where none is named. The names that it is about. */
  prefetch(names: readonly string[] | undefined): Promise<readonly string[]>;
  /** Asks the stores now. */
  refresh(names: readonly string[] | undefined): Promise<readonly string[]>;
  /** Another process changed records: of these assets, or of any. */
  changed(names: readonly string[] | undefined): Promise<void>;
  /** Another process found these blobs damaged. */
  damaged(digests: readonly string[]): Promise<void>;
  /** Octets that were freed. */
  collect(): Promise<number>;
}

const NAMES = v.strictObject({
  names: v.optional(
    v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_NAME_LEN))), v.maxLength(MAX_NAMES)),
  ),
});
const NOTHING = v.strictObject({});
const DIGESTS = v.strictObject({
  digests: v.pipe(v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))), v.maxLength(MAX_NAMES)),
});

/** The routes under `/assets`. */
export function assetRoutes(control: AssetControl): Hono {
  const app = new Hono();
  app.get("/", async (c) => c.json(await control.status()));
  app.post("/prefetch", async (c) => {
    const { names } = read(NAMES, await c.req.text());
    return c.json({ names: await control.prefetch(names) });
  });
  app.post("/refresh", async (c) => {
    const { names } = read(NAMES, await c.req.text());
    return c.json({ names: await control.refresh(names) });
  });
  app.post("/changed", async (c) => {
    const { names } = read(NAMES, await c.req.text());
    await control.changed(names);
    return c.json({});
  });
  app.post("/damaged", async (c) => {
    const { digests } = read(DIGESTS, await c.req.text());
    await control.damaged(digests);
    return c.json({});
  });
  app.post("/collect", async (c) => {
    read(NOTHING, await c.req.text());
    return c.json({ freed: await control.collect() });
  });
  return app;
}

function read<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  let data: unknown;
  try {
    data = JSON.parse(text === "" ? "{}" : text);
  } catch (cause) {
    throw new AgentError("E_USAGE", "the request's body is not JSON", { cause });
  }
  const result = v.safeParse(schema, data);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = issue.path?.map(({ key }) => String(key)).join(".");
  throw new AgentError("E_USAGE", `the request's body: ${where ?? "all of it"}: ${issue.message}`);
}
