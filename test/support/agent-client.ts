import { onTestFinished } from "vitest";
import { generateKey, type PrivateKey } from "../../agent/identity/ed25519.ts";
import { AgentClient, type AgentClientInput } from "../../agent/operator/agent-client.ts";
import type { FakeAgent } from "./fake-agent.ts";

/** The operator of {@link connect}. */
export const EVA: PrivateKey = generateKey();

/** A client of an agent, with EVA's key. It is closed when the test ends. */
export async function connect(
  agent: FakeAgent,
  more: Partial<AgentClientInput> = {},
): Promise<AgentClient> {
  const client = await AgentClient.connect({
    host: "127.0.0.1",
    port: agent.port,
    key: () => Promise.resolve(EVA),
    ...more,
  });
  onTestFinished(() => client.close());
  return client;
}
