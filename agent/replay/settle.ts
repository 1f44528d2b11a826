/** Turns of the event loop without file work after which nothing more will happen by itself. */
const CALM_TURNS = 2;

/**
 * Resolves when the services have done all that they will do about what they were given.
 *
 * Between two packets they wait for nothing but files: promises and streams run to their end within a turn of the event
 * loop, their timers are the capture's, and there is no socket. So it is over after turns in which no file was worked on.
 */
export async function settle(): Promise<void> {
  for (let calm = 0; calm < CALM_TURNS; ) {
    await new Promise((resolve) => setImmediate(resolve));
    calm = process.getActiveResourcesInfo().some(isFileWork) ? 0 : calm + 1;
  }
}

function isFileWork(resource: string): boolean {
  return (
    resource.startsWith("FSReq") || resource.startsWith("FileHandle") || resource === "CloseReq"
  );
}
