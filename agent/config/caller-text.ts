import type { Caller } from "../control/caller.ts";
import type { BundleSource } from "./config.ts";

/** Who somebody is, for histories: "eva@laptop", "this host". */
export function callerName(caller: Caller): string {
  switch (caller.kind) {
    case "operator":
      return caller.operator.name;
    case "local":
      return "this host";
    case "reader":
      return caller.address;
  }
}

/** Where a bundle came from, for histories: "push by eva@laptop". */
export function sourceText(source: BundleSource): string {
  switch (source.kind) {
    case "push":
      return `push by ${callerName(source.caller)}`;
    case "fetched":
      return `fetched from ${source.where}`;
    case "medium":
      return `read from ${source.where}`;
  }
}
