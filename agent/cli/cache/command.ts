import { Command } from "commander";
import type { CommandHost } from "../host.ts";
import { type AddOptions, addFile } from "./add.ts";
import { type CacheOptions, cacheContext } from "./context.ts";
import { exportAssets } from "./export.ts";
import { collectGarbage } from "./gc.ts";
import { listAssets } from "./ls.ts";
import { type PinOptions, pin, type RollbackOptions, rollback } from "./pin.ts";
import { type PrefetchOptions, prefetch } from "./prefetch.ts";
import { type PushOptions, push } from "./push.ts";
import { type StatusOptions, showStatus } from "./status.ts";
import { verify } from "./verify.ts";

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

function common(command: Command, example: string): Command {
  return command
    .option(
      "--state <dir>",
      "the agent's state folder (default: the one below /var/lib/pilotlight)",
    )
    .option("--json", "print JSON")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

function ls(host: CommandHost): Command {
  return common(new Command("ls"), "pilotlight cache ls talos-kernel")
    .description("List the assets; with names, all versions of these.")
    .argument("[name...]", "assets")
    .action((names: string[], options: CacheOptions) =>
      listAssets(cacheContext(host, options), names, options),
    );
}

function status(host: CommandHost): Command {
  return common(new Command("status"), "pilotlight cache status --watch")
    .description("How full it is, what is being fetched, and what cannot be had or refreshed.")
    .option("--watch", "go on until Ctrl-C")
    .action((options: StatusOptions) => showStatus(cacheContext(host, options), options));
}

function prefetchCommand(host: CommandHost): Command {
  return common(new Command("prefetch"), "pilotlight cache prefetch --site site.yaml")
    .description("Fetch what is missing, and wait until it is there.")
    .argument("[name...]", "assets (default: all of the site)")
    .option("--site <file>", "the site file, where no agent runs")
    .action((names: string[], options: PrefetchOptions) =>
      prefetch(cacheContext(host, options), names, options),
    );
}

function verifyCommand(host: CommandHost): Command {
  return common(new Command("verify"), "pilotlight cache verify")
    .description("Read everything, and take out what is damaged; an agent fetches it again.")
    .argument("[name...]", "assets (default: all)")
    .action((names: string[], options: CacheOptions) =>
      verify(cacheContext(host, options), names, options),
    );
}

function gc(host: CommandHost): Command {
  return common(new Command("gc"), "pilotlight cache gc")
    .description("Remove what nothing refers to: old sources, broken transfers, old quarantine.")
    .action((options: CacheOptions) => collectGarbage(cacheContext(host, options), options));
}

function pinCommand(host: CommandHost): Command {
  return common(new Command("pin"), "pilotlight cache pin talos-kernel 9f86d081884c")
    .description("Serve this version, whatever the stores have, until it is released.")
    .argument("<name>", "the asset")
    .argument("[digest]", "the beginning of a version's digest (default: the one served now)")
    .option("--release", "let the site decide again")
    .action((name: string, prefix: string | undefined, options: PinOptions) =>
      pin(cacheContext(host, options), name, prefix, options),
    );
}

function rollbackCommand(host: CommandHost): Command {
  return common(new Command("rollback"), "pilotlight cache rollback talos-kernel")
    .description("Serve the version before, and hold it.")
    .argument("<name>", "the asset")
    .option("--to <digest>", "the beginning of another version's digest")
    .action((name: string, options: RollbackOptions) =>
      rollback(cacheContext(host, options), name, options),
    );
}

function add(host: CommandHost): Command {
  return common(new Command("add"), "pilotlight cache add vmlinuz --name talos-kernel")
    .description("Put a local file into the cache, as if it had been fetched.")
    .argument("<file>", "the file")
    .requiredOption("--name <asset>", "the asset that it is a version of")
    .action((file: string, options: AddOptions) =>
      addFile(cacheContext(host, options), file, options),
    );
}

function pushCommand(host: CommandHost): Command {
  return common(
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
    .action((target: string, files: string[], options: PushOptions) =>
      push(host, target, files, options),
    );
}

function exportCommand(host: CommandHost): Command {
  return common(new Command("export"), "pilotlight cache export /media/stick/boot talos-kernel")
    .description("Copy what is served into a folder, as an OCI image layout.")
    .argument("<dir>", "the folder")
    .argument("[name...]", "assets (default: all)")
    .action((dir: string, names: string[], options: CacheOptions) =>
      exportAssets(cacheContext(host, options), dir, names, options),
    );
}

function more(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
