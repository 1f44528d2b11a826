/** Octets of typed arrays made by number while the meter runs: what a length claimed by a peer would show in. */
export class AllocationMeter {
  octets = 0;
  private readonly originals = new Map<string, unknown>();

  /** Counts constructions by the global constructors from now on. */
  start(): void {
    const globals = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
    for (const name of ["ArrayBuffer", "Uint8Array", "Uint16Array", "Uint32Array", "Int32Array"]) {
      const original = globals[name];
      if (!original) continue;
      this.originals.set(name, original);
      const construct = (
        target: new (...args: unknown[]) => object,
        args: unknown[],
        newTarget: new (...args: unknown[]) => object,
      ): object => {
        if (typeof args[0] === "number") this.octets += args[0];
        return Reflect.construct(target, args, newTarget);
      };
      globals[name] = new Proxy(original, { construct });
    }
  }

  /** Puts the constructors back. */
  stop(): void {
    Object.assign(globalThis, Object.fromEntries(this.originals));
    this.originals.clear();
  }
}
