#!/usr/bin/env node
/*
 * The command. A shell that wants names to complete waits for them: for those, the program with all its commands is not loaded.
 */
const COMPLETE = "__complete";

if (process.argv[2] === COMPLETE) {
  const { knownNames } = await import("./cli/completion/names.ts");
  for (const name of await knownNames(process.argv[3] ?? "", process.env)) {
    process.stdout.write(`${name}\n`);
  }
} else {
  await import("./main.ts");
}
