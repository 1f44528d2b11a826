import type { AgentError } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import type { RefusedVersion, VersionRecord } from "../cache/records.ts";
import type { JournalSink } from "./keeper-options.ts";
import type { Progress } from "./progress.ts";

/** What is fetched and kept, as journal entries. */
export class FetchJournal {
  private readonly sink: JournalSink;

  constructor(sink: JournalSink) {
    this.sink = sink;
  }

  begun(file: string, from: string, at: number, total: number | undefined): void {
    const rest = at > 0 ? `goes on at ${octetsText(at)}` : "is not in the cache in this version";
    this.noted(`${file}: fetching ${from}`, rest, file, total);
  }

  progress(file: string, p: Progress): void {
    this.sink.note({
      protocol: "assets",
      event: `${file}: ${p.phase} ${p.from}`,
      decision: p.text(),
      outcome: "progress",
      octets: p.octets,
      ms: p.tookMs,
      file,
      ...(p.total === undefined ? {} : { total: p.total }),
    });
  }

  done(file: string, p: Progress, digest: string): void {
    this.sink.note({
      protocol: "assets",
      event: `${file}: ${p.phase === "fetching" ? "fetched" : "unpacked"} ${p.from}`,
      decision: `sha256 ${digest}`,
      outcome: "done",
      octets: p.octets - p.resumedAt,
      ms: p.tookMs,
      file,
      ...(p.total === undefined ? {} : { total: p.total }),
    });
  }

  failed(file: string, error: AgentError): void {
    this.sink.note({
      protocol: "assets",
      event: `${file}: could not be had, and is tried again`,
      decision: `${error.code}: ${error.message}`,
      outcome: "failed",
      file,
    });
  }

  stale(file: string, error: AgentError): void {
    this.sink.note({
      protocol: "assets",
      event: `${file}: its store could not be asked for a newer version`,
      decision: `what is cached goes on being served; ${error.code}: ${error.message}`,
      outcome: "failed",
      file,
    });
  }

  refused(file: string, from: string, r: RefusedVersion): void {
    const kept = r.keptAs === undefined ? "" : `; kept aside as quarantine/${r.keptAs}`;
    this.sink.note({
      protocol: "assets",
      event: `${file}: ${from} gave sha256 ${r.sourceDigest}`,
      decision: `refused: ${r.why}${kept}`,
      outcome: "refused",
      file,
    });
  }

  switched(file: string, before: VersionRecord, after: VersionRecord, why: string): void {
    this.noted(`${file}: ${after.digest} is served now, instead of ${before.digest}`, why, file);
  }

  damaged(file: string, digest: string): void {
    this.noted(`${file}: ${digest} is damaged on disk`, "not served; it is fetched again", file);
  }

  repaired(file: string, digest: string): void {
    this.noted(`${file}: ${digest} is sound again`, "it was fetched again", file);
  }

  evicted(blobs: number, octets: number): void {
    const what = `${blobs} ${blobs === 1 ? "file" : "files"} dropped from the cache`;
    this.noted(what, `to make room: ${octetsText(octets)}, last used longest ago`);
  }

  clock(wallMs: number): void {
    const time = new Date(wallMs).toISOString();
    this.noted(`the host's clock says ${time}`, "it is wrong: certificates may be refused for it");
  }

  private noted(event: string, decision: string, file?: string, total?: number): void {
    this.sink.note({
      protocol: "assets",
      event,
      decision,
      outcome: "noted",
      ...(file === undefined ? {} : { file }),
      ...(total === undefined ? {} : { total }),
    });
  }
}
