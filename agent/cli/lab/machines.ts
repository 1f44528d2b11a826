import { hexIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";

/** What the lab adds to a machine of the example site: which firmware it plays. */
export interface LabMachine {
  /** Its name in examples/lab/site.yaml, and of its interface. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The kind that `pilotlight sim` takes, and its further arguments. */
  readonly firmware: string;
  readonly args: readonly string[];
  /** The files it loads, by the names under which its firmware asks for them, each with the asset that it must be. */
  expects(address: Ipv4): readonly ExpectedAsset[];
}

/** `asked`: a TFTP name, a name in the NFS root, the last segment of a URL. */
export interface ExpectedAsset {
  readonly asked: string;
  readonly asset: string;
}

/** The machines that are powered on, in the order of their columns. MAC and IP addresses are the site's. */
export const LAB_MACHINES: readonly LabMachine[] = [
  {
    name: "v100",
    title: "Sun Fire V100, NetBSD",
    firmware: "openfirmware",
    args: ["--order", "dhcp", "--kernel", "netbsd"],
    expects: (address) => [
      { asked: hexIpv4(address), asset: "ofwboot" },
      { asked: "netbsd", asset: "netbsd" },
    ],
  },
  {
    name: "minipc",
    title: "mini PC, PXE and iPXE",
    firmware: "pxe",
    args: [],
    expects: () => [
      { asked: "ipxe-bios", asset: "ipxe-bios" },
      { asked: "kernel", asset: "kernel" },
      { asked: "initrd", asset: "initrd" },
    ],
  },
];
