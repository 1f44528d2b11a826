import { readFileSync } from "node:fs";
import { AgentError } from "../../errors.ts";

/** The kernel's settings that forbid namespaces; undefined where the kernel does not have the setting. */
export interface NamespaceSettings {
  /** Debian: 0 forbids them to users. */
  readonly unprivilegedUsernsClone: number | undefined;
  /** Ubuntu since 23.10: 1 lets AppArmor take the capabilities away. */
  readonly apparmorRestrict: number | undefined;
  readonly maxUserNamespaces: number | undefined;
  readonly maxNetNamespaces: number | undefined;
}

const SETTINGS = {
  unprivilegedUsernsClone: "kernel/unprivileged_userns_clone",
  apparmorRestrict: "kernel/apparmor_restrict_unprivileged_userns",
  maxUserNamespaces: "user/max_user_namespaces",
  maxNetNamespaces: "user/max_net_namespaces",
} as const;

/** Reads them from /proc/sys. */
export function readNamespaceSettings(): NamespaceSettings {
  const { unprivilegedUsernsClone, apparmorRestrict, maxUserNamespaces, maxNetNamespaces } =
    SETTINGS;
  return {
    unprivilegedUsernsClone: setting(unprivilegedUsernsClone),
    apparmorRestrict: setting(apparmorRestrict),
    maxUserNamespaces: setting(maxUserNamespaces),
    maxNetNamespaces: setting(maxNetNamespaces),
  };
}

function setting(name: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/${name}`, "utf8").trim());
  } catch {
    return undefined;
  }
}

/** A program of the system that the lab needs is not there. */
export function missingProgram(program: string): AgentError {
  const from = program === "ip" ? "iproute2" : "util-linux";
  return new AgentError("E_NAMESPACE", `the lab needs \`${program}\`, which is not installed`, {
    cure: `Install it: apt install ${from}`,
  });
}

/**
 * Why `unshare` failed, and what to do about it.
 *
 * @param complaint what it wrote to standard error
 */
export function diagnose(
  complaint: string,
  isRoot: boolean,
  settings: NamespaceSettings,
): AgentError {
  const asRoot = "or run the lab as root";
  const failed = (why: string, cure: string): AgentError =>
    new AgentError("E_NAMESPACE", `private namespaces could not be made: ${why}`, { cure });
  if (settings.maxNetNamespaces === 0) {
    return failed(
      "the kernel allows no network namespaces (user.max_net_namespaces is 0)",
      "Allow some, as root: sysctl -w user.max_net_namespaces=1024",
    );
  }
  if (isRoot) {
    return failed(
      `root here lacks the privilege (${complaint})`,
      "In a container, run it with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW, or use the host itself.",
    );
  }
  if (settings.maxUserNamespaces === 0) {
    return failed(
      "the kernel allows no user namespaces (user.max_user_namespaces is 0)",
      `Allow some, as root: sysctl -w user.max_user_namespaces=1024; ${asRoot}.`,
    );
  }
  if (settings.unprivilegedUsernsClone === 0) {
    return failed(
      "only root may make user namespaces (kernel.unprivileged_userns_clone is 0)",
      `Allow them, as root: sysctl -w kernel.unprivileged_userns_clone=1; ${asRoot}.`,
    );
  }
  if (settings.apparmorRestrict === 1) {
    return failed(
      "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
      `Lift that, as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; ${asRoot}.`,
    );
  }
  return failed(
    complaint || "unshare says nothing about it",
    "Run the lab as root; in a container, the container's own limits (seccomp) may forbid it.",
  );
}
