import { readFileSync } from "node:fs";
import type { Health } from "../health.ts";
import type { Management } from "../site/site.ts";

/** What a token is read from. */
export interface ReadTokenInput {
  /** The agent's environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly health: Health;
}

/** Characters of a token at least: what is shorter can be guessed. */
const LEAST_LEN = 16;

/**
 * The token by which a site lets read. One that cannot be had lets nobody read but operators, by signed requests, and is a reason
 * of the agent's health.
 */
export class ReadToken {
  private readonly input: ReadTokenInput;
  private token: string | undefined;

  constructor(input: ReadTokenInput) {
    this.input = input;
  }

  get value(): string | undefined {
    return this.token;
  }

  /** Reads it as this site has it, once for each change of the site. */
  read(management: Management | undefined): void {
    const ref = management?.read === "token" ? management.token : undefined;
    const found = ref && this.find(ref);
    this.token = found !== undefined && found.length >= LEAST_LEN ? found : undefined;
    const { health } = this.input;
    if (!ref || this.token !== undefined) health.say("token");
    else {
      const where = ref.kind === "env" ? `the variable ${ref.variable}` : ref.file;
      const why = found === undefined ? "cannot be read" : `has less than ${LEAST_LEN} characters`;
      health.say(
        "token",
        `the token of management.token in ${where} ${why}: only operators may read`,
      );
    }
  }

  private find(ref: NonNullable<Management["token"]>): string | undefined {
    const { variables } = this.input;
    try {
      const text = ref.kind === "env" ? variables[ref.variable] : readFileSync(ref.file, "utf8");
      return text === undefined ? undefined : /^[^\r\n]*/.exec(text)?.[0];
    } catch {
      return undefined;
    }
  }
}
