import { BootFailure } from "../boot-script.ts";

/** What a script tells its machine to do. `uri` is as written. */
export type IpxeAction =
  | { readonly kind: "kernel"; readonly uri: string; readonly name: string; readonly args: string }
  | { readonly kind: "initrd"; readonly uri: string; readonly name: string; readonly args: string }
  | { readonly kind: "imgargs"; readonly name: string; readonly args: string }
  | { readonly kind: "echo"; readonly text: string }
  | { readonly kind: "boot" };

const MAGIC = /^#!ipxe(\s|$)/;

/**
 * Runs the part of the iPXE language that a generated boot script uses: kernel, initrd, imgargs, set, echo and boot, with
 * settings as `${name}`. Every other line ends the boot and is shown: real iPXE would do something that is not simulated.
 *
 * `settings` holds what the machine knows (mac, uuid, ip, next-server, …) and takes what the script sets. An unknown setting
 * is empty, as in iPXE.
 */
export function* ipxeActions(
  text: string,
  settings: Map<string, string>,
): Generator<IpxeAction, void, void> {
  if (!MAGIC.test(text)) {
    throw new BootFailure(
      "ipxe",
      `not a script: it begins with ${JSON.stringify(text.slice(0, 20))}`,
    );
  }
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [command = "", ...args] = words(trimmed).map((word) => expand(word, settings));
    const refuse = (why: string): BootFailure =>
      new BootFailure("ipxe", `line ${i + 1}: ${why}: ${trimmed}`);
    if (args.some((arg) => arg === "||" || arg === "&&"))
      throw refuse("operators are not simulated");
    if (command === "set") {
      const [name] = args;
      if (name === undefined) throw refuse("set needs a name");
      settings.set(name, args.slice(1).join(" "));
    } else if (command === "kernel" || command === "initrd") {
      yield image(command, args, refuse);
    } else if (command === "imgargs") {
      const [name] = args;
      if (name === undefined) throw refuse("imgargs needs an image");
      yield { kind: "imgargs", name, args: args.slice(1).join(" ") };
    } else if (command === "echo") {
      yield { kind: "echo", text: args.join(" ") };
    } else if (command === "boot") {
      if (args.length > 0) throw refuse("boot takes no arguments here");
      yield { kind: "boot" };
      return;
    } else {
      throw refuse("this command is not simulated");
    }
  }
}

function image(
  kind: "kernel" | "initrd",
  args: readonly string[],
  refuse: (why: string) => BootFailure,
): IpxeAction {
  let at = 0;
  let name = "";
  for (; args[at]?.startsWith("-"); at++) {
    const option = args[at] ?? "";
    if (option === "--name" || option === "-n") {
      at += 1;
      name = args[at] ?? "";
    } else if (option.startsWith("--name=")) {
      name = option.slice("--name=".length);
    } else {
      throw refuse(`the option ${option} is not simulated`);
    }
  }
  const uri = args[at];
  if (uri === undefined || uri === "") throw refuse(`${kind} needs a URI`);
  const file = uri.split("?")[0]?.split("/").at(-1) ?? uri;
  return { kind, uri, name: name || file, args: args.slice(at + 1).join(" ") };
}

/** Splits at white space; quotes keep words together, a backslash keeps the next character. */
function words(line: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (c === "\\" && i + 1 < line.length) {
      i += 1;
      word = (word ?? "") + line.charAt(i);
    } else if (quote !== "" && c === quote) {
      quote = "";
    } else if (quote === "" && (c === '"' || c === "'")) {
      quote = c;
      word ??= "";
    } else if (quote === "" && /\s/.test(c)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + c;
    }
  }
  if (word !== undefined) found.push(word);
  return found;
}

function expand(word: string, settings: ReadonlyMap<string, string>): string {
  return word.replace(/\$\{([^}]*)\}/g, (_, name: string) => settings.get(name) ?? "");
}
