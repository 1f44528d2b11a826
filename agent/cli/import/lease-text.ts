const MIN_S = 120;
const MAX_S: number = 365 * 86_400;

/** Seconds as a site file says them: "12h". Shorter and longer ones than a site takes become what it takes. */
export function leaseText(seconds: number): string {
  const s = Math.min(Math.max(Math.round(seconds / 60) * 60, MIN_S), MAX_S);
  if (s % 86_400 === 0) return `${s / 86_400}d`;
  return s % 3600 === 0 ? `${s / 3600}h` : `${s / 60}m`;
}
