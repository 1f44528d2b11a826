/** A message that does not decode to "ok", and why that is right. */
export interface Reason {
  readonly capture: string;
  readonly frame: number;
  readonly status: string;
  readonly why: string;
}

/** All of them: a status that is not here fails the golden test, and so does a line here that nothing needs. */
export const REASONS: readonly Reason[] = [
  {
    capture: "linux-dhcp-nfsroot-v2-tcp.pcap",
    frame: 80,
    status: "truncated",
    why: "the capture has a hole: this segment comes after the missing rest of a READ reply over TCP",
  },
];
