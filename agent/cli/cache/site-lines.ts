/** An asset as the site is to say it. */
export interface SiteLine {
  readonly name: string;
  /** Keys and values that say where it is. */
  readonly source: Readonly<Record<string, string>>;
  readonly sha256: string;
}

/** Lines for the site file: one asset each, with its digest. Any value is quoted, so that YAML takes it for text. */
export function siteLines(assets: readonly SiteLine[]): readonly string[] {
  const lines = assets.map(({ name, source, sha256 }) => {
    const entries = Object.entries({ ...source, sha256 });
    const inner = entries.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ");
    return `  ${quotedName(name)}: { ${inner} }`;
  });
  return ["assets:", ...lines];
}

/** A name for an asset that is like a file's name: "vmlinuz-6.1.0" of "boot/vmlinuz-6.1.0". */
export function assetName(title: string): string {
  const last = title.slice(title.lastIndexOf("/") + 1);
  const name = last.replace(/[^A-Za-z0-9._+-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 100) || "asset";
}

/** YAML takes "true", "1.0" and the like for something else than text. */
function quotedName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? name
    : JSON.stringify(name);
}
