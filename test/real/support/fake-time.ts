import { execFileSync } from "node:child_process";

/**
 * What starts a command whose clock begins at a time of UTC, "1970-01-01 00:00:30". Monotonic time goes on as it does on a Pi
 * without a battery. Without the command of that name, which stays between a process and its signals.
 */
export function atTime(time: string): readonly string[] {
  const files = execFileSync("dpkg", ["-L", "libfaketime"], { encoding: "utf8" }).split("\n");
  const library = files.find((file) => file.endsWith("/libfaketimeMT.so.1")) ?? "";
  const wall = ["TZ=UTC", `FAKETIME=@${time}`, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
  return ["env", `LD_PRELOAD=${library}`, ...wall];
}
