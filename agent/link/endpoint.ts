/** "10.0.0.7:7458", "[fe80::1%eth0]:7458": host and port as URLs have them; an IPv6 address goes in brackets (RFC 3986). */
export function endpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
