import { describe, expect, it } from "vitest";
import {
  diagnose,
  missingProgram,
  type NamespaceSettings,
} from "../../../../../agent/cli/lab/diagnosis.ts";

const FREE: NamespaceSettings = {
  unprivilegedUsernsClone: 1,
  apparmorRestrict: undefined,
  maxUserNamespaces: 1_000,
  maxNetNamespaces: 1_000,
};
const SAID = "unshare: unshare failed: Operation not permitted";

describe("diagnose", () => {
  it.each<[Partial<NamespaceSettings>, RegExp, RegExp]>([
    [{ unprivilegedUsernsClone: 0 }, /only root/, /kernel\.unprivileged_userns_clone=1/],
    [{ apparmorRestrict: 1 }, /AppArmor/, /apparmor_restrict_unprivileged_userns=0/],
    [{ maxUserNamespaces: 0 }, /no user namespaces/, /user\.max_user_namespaces=1024/],
    [{ maxNetNamespaces: 0 }, /no network namespaces/, /user\.max_net_namespaces=1024/],
    [{}, /Operation not permitted/, /as root.*seccomp/],
  ])("finds %o", (settings, message, cure) => {
    const error = diagnose(SAID, false, { ...FREE, ...settings });
    expect(error.code).toBe("E_NAMESPACE");
    expect(error.message).toMatch(message);
    expect(error.cure).toMatch(cure);
  });

  it("does not tell root to be root", () => {
    const error = diagnose(SAID, true, { ...FREE, unprivilegedUsernsClone: 0 });
    expect(error.message).toContain(SAID);
    expect(error.cure).toMatch(/CAP_SYS_ADMIN/);
  });
});

it("names the package of a program that is not there", () => {
  expect(missingProgram("ip").cure).toContain("iproute2");
  expect(missingProgram("unshare").cure).toContain("util-linux");
});
