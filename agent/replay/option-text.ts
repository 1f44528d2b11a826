import { DhcpMessageType, DhcpOption, messageTypeName } from "../../protocols/dhcp/options.ts";

const ADDRESSES: ReadonlySet<number> = new Set([
  DhcpOption.SubnetMask,
  DhcpOption.Router,
  DhcpOption.DomainNameServer,
  DhcpOption.SwapServer,
  DhcpOption.BroadcastAddress,
  DhcpOption.RequestedIpAddress,
  DhcpOption.ServerIdentifier,
  DhcpOption.NtpServers,
]);

const NUMBERS: ReadonlySet<number> = new Set([
  DhcpOption.IpAddressLeaseTime,
  DhcpOption.RenewalTime,
  DhcpOption.RebindingTime,
  DhcpOption.MaximumDhcpMessageSize,
  DhcpOption.InterfaceMtu,
  DhcpOption.BootFileSize,
]);

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DhcpOption).map(([name, code]) => [code, name]),
);

/** An option's value for people: addresses dotted, times as numbers, text as text, the rest as hex. */
export function optionValue(code: number, hex: string): string | number {
  const octets = Buffer.from(hex, "hex");
  const { length } = octets;
  if (code === DhcpOption.DhcpMessageType && length === 1) {
    const type = octets[0] ?? 0;
    return type >= DhcpMessageType.Discover ? messageTypeName(type) : hex;
  }
  if (ADDRESSES.has(code) && length > 0 && length % 4 === 0) {
    const addresses: string[] = [];
    for (let i = 0; i < length; i += 4) addresses.push([...octets.subarray(i, i + 4)].join("."));
    return addresses.join(" ");
  }
  if (NUMBERS.has(code) && (length === 2 || length === 4)) {
    return octets.readUIntBE(0, length);
  }
  const text = octets.toString("latin1");
  return /^[\x20-\x7e]+\0?$/.test(text) ? text : hex;
}

/** "option 51 (IpAddressLeaseTime)". */
export function optionName(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? `option ${code}` : `option ${code} (${name})`;
}
