/** Where servers and relays listen (RFC 951 section 4). */
export const DHCP_SERVER_PORT = 67;
/** Where clients listen (RFC 951 section 4). */
export const DHCP_CLIENT_PORT = 68;
/** Where PXE boot servers listen for unicast requests (PXE specification 2.1); EDK2 calls them BINL. */
export const PXE_BOOT_SERVER_PORT = 4011;

/** `op` of a client's message (RFC 951). */
export const BOOTREQUEST = 1;
/** `op` of a server's message (RFC 951). */
export const BOOTREPLY = 2;

/** The bit of `flags` by which a client asks for a broadcast reply (RFC 1542 section 3.1.1). */
export const BROADCAST_FLAG = 0x8000;

/** Option codes, by the names of the RFC that defines them: RFC 2132 where nothing else is said. */
export const DhcpOption = {
  Pad: 0,
  SubnetMask: 1,
  TimeOffset: 2,
  Router: 3,
  TimeServer: 4,
  NameServer: 5,
  DomainNameServer: 6,
  LogServer: 7,
  HostName: 12,
  BootFileSize: 13,
  DomainName: 15,
  /** NetBSD takes its root server from here rather than from siaddr. */
  SwapServer: 16,
  /** Text. NetBSD uses it verbatim as a path, Linux also understands "server:/path". */
  RootPath: 17,
  ExtensionsPath: 18,
  InterfaceMtu: 26,
  BroadcastAddress: 28,
  StaticRoute: 33,
  NisDomain: 40,
  NisServers: 41,
  NtpServers: 42,
  VendorSpecific: 43,
  RequestedIpAddress: 50,
  IpAddressLeaseTime: 51,
  OptionOverload: 52,
  DhcpMessageType: 53,
  ServerIdentifier: 54,
  ParameterRequestList: 55,
  Message: 56,
  MaximumDhcpMessageSize: 57,
  RenewalTime: 58,
  RebindingTime: 59,
  VendorClassIdentifier: 60,
  ClientIdentifier: 61,
  TftpServerName: 66,
  BootfileName: 67,
  /** RFC 3004. iPXE puts the bare text "iPXE" here, without the length octets of the RFC. */
  UserClass: 77,
  /** RFC 4039 */
  RapidCommit: 80,
  /** RFC 3046 */
  RelayAgentInformation: 82,
  /** RFC 4578 */
  ClientSystemArchitecture: 93,
  /** RFC 4578 */
  ClientNetworkInterface: 94,
  /** RFC 4578: a type octet, then the UUID in the octet order of SMBIOS. */
  ClientMachineIdentifier: 97,
  /** RFC 2563 */
  AutoConfigure: 116,
  /** RFC 3011 */
  SubnetSelection: 118,
  /** RFC 3397 */
  DomainSearch: 119,
  /** RFC 3442 */
  ClasslessStaticRoute: 121,
  /** RFC 3925 */
  VendorIdentifyingClass: 124,
  /** RFC 3925 */
  VendorIdentifyingInformation: 125,
  /** RFC 5859: a list of addresses. */
  TftpServerAddresses: 150,
  /** Etherboot and iPXE; never assigned. */
  Ipxe: 175,
  /** RFC 5071: 0xf100747e announces that 209 to 211 follow. */
  PxelinuxMagic: 208,
  /** RFC 5071 */
  PxelinuxConfigFile: 209,
  /** RFC 5071 */
  PxelinuxPathPrefix: 210,
  /** RFC 5071 */
  PxelinuxRebootTime: 211,
  End: 255,
} as const;

/** Values of option 53 (RFC 2132 section 9.6). */
export const DhcpMessageType = {
  Discover: 1,
  Offer: 2,
  Request: 3,
  Decline: 4,
  Ack: 5,
  Nak: 6,
  Release: 7,
  Inform: 8,
} as const;

export type DhcpMessageType = (typeof DhcpMessageType)[keyof typeof DhcpMessageType];

/** Bits of option 52: which header field holds options instead of its name (RFC 2132 section 9.3). */
export const Overload = { File: 1, Sname: 2 } as const;

const MESSAGE_TYPE_NAMES: readonly string[] = [
  "BOOTP",
  "DISCOVER",
  "OFFER",
  "REQUEST",
  "DECLINE",
  "ACK",
  "NAK",
  "RELEASE",
  "INFORM",
];

/** The type as logs print it; 0 is a message without option 53, "BOOTP". */
export function messageTypeName(type: number): string {
  return MESSAGE_TYPE_NAMES[type] ?? `type ${type}`;
}
