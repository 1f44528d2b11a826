import { Command } from "commander";
import type { CommandHost } from "../host.ts";
import { withStateOptions } from "../state-options.ts";
import type { AddOptions } from "./add.ts";
import type { CacheContext, CacheOptions } from "./context.ts";
import type { PinOptions, RollbackOptions } from "./pin.ts";
import type { PrefetchOptions } from "./prefetch.ts";
import type { PushOptions } from "./push.ts";
import type { StatusOptions } from "./status.ts";

/** `pilotlight cache`: looks after the assets, with or without an agent that runs. */
export function cacheCommand(host: CommandHost): Command {
  const cache = new Command("cache")
    .description("Look after the assets: what is kept, what is served, what is in the stores.")
    .addHelpText(
      "after",
      "\nThe cache is that of the agent on this host, or the one in --state DIR. All commands work while the agent runs.\n\nExample:\n  pilotlight cache ls",
    );
  for (const command of [
    ls(host),
    status(host),
    prefetchCommand(host),
    verifyCommand(host),
    gc(host),
    pinCommand(host),
    rollbackCommand(host),
    add(host),
    pushCommand(host),
    exportCommand(host),
  ]) {
    cache.addCommand(command);
  }
  return cache;
}

/** The cache and the stores are loaded when a command needs them, and not for every `pilotlight`. */
async function context(host: CommandHost, options: CacheOptions): Promise<CacheContext> {
  const { cacheContext } = await import("./context.ts");
  return cacheContext(host, options);
}

function ls(host: CommandHost): Command {
  return withStateOptions(new Command("ls"), "pilotlight cache ls talos-kernel")
    .description("List the assets; with names, all versions of these.")
    .argument("[name...]", "assets")
    .action(async (names: string[], options: CacheOptions) => {
      const { listAssets } = await import("./ls.ts");
      await listAssets(await context(host, options), names, options);
    });
}

function status(host: CommandHost): Command {
  return withStateOptions(new Command("status"), "pilotlight cache status --watch")
    .description("How full it is, what is being fetched, and what cannot be had or refreshed.")
    .option("--watch", "go on until Ctrl-C")
    .action(async (options: StatusOptions) => {
      const { showStatus } = await import("./status.ts");
      await showStatus(await context(host, options), options);
    });
}

function prefetchCommand(host: CommandHost): Command {
  return withStateOptions(new Command("prefetch"), "pilotlight cache prefetch --site site.yaml")
    .description("Fetch what is missing, and wait until it is there.")
    .argument("[name...]", "assets (default: all of the site)")
    .option("--site <file>", "the site file, where no agent runs")
    .action(async (names: string[], options: PrefetchOptions) => {
      const { prefetch } = await import("./prefetch.ts");
      await prefetch(await context(host, options), names, options);
    });
}

function verifyCommand(host: CommandHost): Command {
  return withStateOptions(new Command("verify"), "pilotlight cache verify")
    .description("Read everything, and take out what is damaged; an agent fetches it again.")
    .argument("[name...]", "assets (default: all)")
    .action(async (names: string[], options: CacheOptions) => {
      const { verify } = await import("./verify.ts");
      await verify(await context(host, options), names, options);
    });
}

function gc(host: CommandHost): Command {
  return withStateOptions(new Command("gc"), "pilotlight cache gc")
    .description("Remove what nothing refers to: old sources, broken transfers, old quarantine.")
    .action(async (options: CacheOptions) => {
      const { collectGarbage } = await import("./gc.ts");
      await collectGarbage(await context(host, options), options);
    });
}

function pinCommand(host: CommandHost): Command {
  return withStateOptions(new Command("pin"), "pilotlight cache pin talos-kernel 9f86d081884c")
    .description("Serve this version, whatever the stores have, until it is released.")
    .argument("<name>", "the asset")
    .argument("[digest]", "the beginning of a version's digest (default: the one served now)")
    .option("--release", "let the site decide again")
    .action(async (name: string, prefix: string | undefined, options: PinOptions) => {
      const { pin } = await import("./pin.ts");
      await pin(await context(host, options), name, prefix, options);
    });
}

function rollbackCommand(host: CommandHost): Command {
  return withStateOptions(new Command("rollback"), "pilotlight cache rollback talos-kernel")
    .description("Serve the version before, and hold it.")
    .argument("<name>", "the asset")
    .option("--to <digest>", "the beginning of another version's digest")
    .action(async (name: string, options: RollbackOptions) => {
      const { rollback } = await import("./pin.ts");
      await rollback(await context(host, options), name, options);
    });
}

function add(host: CommandHost): Command {
  return withStateOptions(new Command("add"), "pilotlight cache add vmlinuz --name talos-kernel")
    .description("Put a local file into the cache, as if it had been fetched.")
    .argument("<file>", "the file")
    .requiredOption("--name <asset>", "the asset that it is a version of")
    .action(async (file: string, options: AddOptions) => {
      const { addFile } = await import("./add.ts");
      await addFile(await context(host, options), file, options);
    });
}

function pushCommand(host: CommandHost): Command {
  return withStateOptions(
    new Command("push"),
    "pilotlight cache push oci://registry.example.com/talos:v1.11.6 vmlinuz initramfs.xz\n  pilotlight cache push s3://boot/talos/v1.11.6/ out/vmlinuz-arm64=vmlinuz --site site.yaml",
  )
    .description("Put files into a registry or bucket, and print what to write into the site.")
    .argument("<target>", "oci://REGISTRY/REPOSITORY:TAG or s3://BUCKET/PREFIX/")
    .argument("[file...]", "FILE or FILE=TITLE")
    .option("--asset <name>", "what the cache serves as this; may be repeated", more, [])
    .option("--tag <tag>", "a further tag for the same artifact; may be repeated", more, [])
    .option("--site <file>", "the site file whose `stores` say how the target is reached")
    .option("--overwrite", "replace objects of the same name in a bucket")
    .option("--plain-http", "the registry has no TLS")
    .addHelpText(
      "after",
      "\nWithout --site, access is taken from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,\nAWS_ENDPOINT_URL; REGISTRY_USERNAME, REGISTRY_PASSWORD.",
    )
    .action(async (target: string, files: string[], options: PushOptions) => {
      const { push } = await import("./push.ts");
      await push(host, target, files, options);
    });
}

function exportCommand(host: CommandHost): Command {
  return withStateOptions(
    new Command("export"),
    "pilotlight cache export /media/stick/boot talos-kernel",
  )
    .description("Copy what is served into a folder, as an OCI image layout.")
    .argument("<dir>", "the folder")
    .argument("[name...]", "assets (default: all)")
    .action(async (dir: string, names: string[], options: CacheOptions) => {
      const { exportAssets } = await import("./export.ts");
      await exportAssets(await context(host, options), dir, names, options);
    });
}

function more(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
