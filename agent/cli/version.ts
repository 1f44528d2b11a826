import { readFileSync } from "node:fs";

/** The version in package.json: two folders up from the compiled file and from the source alike. */
export function packageVersion(): string {
  for (const up of ["../../../package.json", "../../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (name === "pilotlight" && version) return version;
    } catch {
      // the other place then
    }
  }
  return "unknown";
}
