import { BootFailure } from "../boot-script.ts";

/** What a script tells its machine to do. `uri` is as written. */
export type IpxeAction =
  | { readonly kind: "kernel"; readonly uri: string; readonly name: string; readonly args: string }
  | { readonly kind: "initrd"; readonly uri: string; readonly name: string; readonly args: string }
  | { readonly kind: "imgargs"; readonly name: string; readonly args: string }
  | { readonly kind: "imgfree" }
  | { readonly kind: "sleep"; readonly seconds: number }
  | { readonly kind: "echo"; readonly text: string }
  | { readonly kind: "boot" };

/** Whoever runs the script does each action and says by `next` how it failed; nothing: it did not. */
export type IpxeScript = Generator<IpxeAction, void, BootFailure | undefined>;

const MAGIC = /^#!ipxe(\s|$)/;

/**
 * Runs the part of the iPXE language that a generated boot script uses: kernel, initrd, imgargs, imgfree, set, echo, sleep,
 * goto and boot, labels, `||` and `&&`, with settings as `${name}`. Every other line ends the boot and is shown: real iPXE
 * would do something that is not simulated.
 *
 * As in iPXE, a line whose last command failed ends the script. `settings` holds what the machine knows (mac, uuid, ip,
 * next-server, …) and takes what the script sets. An unknown setting is empty.
 */
export function* ipxeActions(text: string, settings: Map<string, string>): IpxeScript {
  if (!MAGIC.test(text)) {
    throw new BootFailure(
      "ipxe",
      `not a script: it begins with ${JSON.stringify(text.slice(0, 20))}`,
    );
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line === "" || line.startsWith("#") || line.startsWith(":")) continue;
    const refuse = (why: string): BootFailure =>
      new BootFailure("ipxe", `line ${i + 1}: ${why}: ${line}`);
    let failure: BootFailure | undefined;
    let run = true;
    for (const { operator, args } of commands(words(line))) {
      if (operator !== "") run = run && (operator === "||") === (failure !== undefined);
      if (!run) continue;
      const [command = "", ...rest] = args.map((word) => expand(word, settings));
      if (command === "goto") {
        const target = lines.indexOf(`:${rest[0]}`);
        if (target < 0) throw refuse(`there is no label ${rest[0]}`);
        i = target;
        failure = undefined;
        break;
      }
      if (command === "set") {
        const [name] = rest;
        if (name === undefined) throw refuse("set needs a name");
        settings.set(name, rest.slice(1).join(" "));
        failure = undefined;
        continue;
      }
      const action = actionOf(command, rest, refuse);
      failure = yield action;
      if (action.kind === "boot" && !failure) return;
    }
    if (failure) throw failure;
  }
}

/** The commands of a line, each with the operator in front of it. */
function commands(line: readonly string[]): { operator: string; args: string[] }[] {
  const found = [{ operator: "", args: [] as string[] }];
  for (const word of line) {
    if (word === "||" || word === "&&") found.push({ operator: word, args: [] });
    else found.at(-1)?.args.push(word);
  }
  return found;
}

function actionOf(
  command: string,
  args: readonly string[],
  refuse: (why: string) => BootFailure,
): IpxeAction {
  switch (command) {
    case "kernel":
    case "initrd":
      return image(command, args, refuse);
    case "imgargs": {
      const [name] = args;
      if (name === undefined) throw refuse("imgargs needs an image");
      return { kind: "imgargs", name, args: args.slice(1).join(" ") };
    }
    case "imgfree":
      if (args.length > 0) throw refuse("imgfree takes no arguments here");
      return { kind: "imgfree" };
    case "sleep": {
      const seconds = Number(args[0]);
      if (!Number.isInteger(seconds) || seconds < 0) throw refuse("sleep needs seconds");
      return { kind: "sleep", seconds };
    }
    case "echo":
      return { kind: "echo", text: args.join(" ") };
    case "boot":
      if (args.length > 0) throw refuse("boot takes no arguments here");
      return { kind: "boot" };
    default:
      throw refuse("this command is not simulated");
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
