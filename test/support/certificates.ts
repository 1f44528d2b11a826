import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** Files in PEM format. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** As in OpenSSL's subjectAltName; absent: 127.0.0.1 and localhost. */
  readonly names?: string;
  /** Absent: an hour ago. */
  readonly from?: Date;
  /** Absent: in a day. */
  readonly to?: Date;
}

/** A private certificate authority, made by openssl in a folder that goes with the test. */
export class Authority {
  /** The authority's certificate: what a site names as `ca`. */
  readonly cert: string;
  private readonly dir: string;
  private issued = 0;

  constructor() {
    this.dir = tempDir({
      "index.txt": "",
      "index.txt.attr": "unique_subject = no\n",
      serial: "01",
    });
    mkdirSync(join(this.dir, "new"));
    this.cert = join(this.dir, "ca.pem");
    this.openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Rack authority", "-days", "30000"],
    );
  }

  issue(options: CertificateOptions = {}): KeyPair {
    const name = `server${++this.issued}`;
    const [from, to] = [options.from ?? hours(-1), options.to ?? hours(24)];
    writeFileSync(
      join(this.dir, `${name}.cnf`),
      config(options.names ?? "IP:127.0.0.1,DNS:localhost"),
    );
    this.openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`],
    );
    this.openssl(
      ...["ca", "-batch", "-notext", "-config", `${name}.cnf`, "-in", `${name}.csr`],
      ...["-out", `${name}.pem`, "-startdate", asn1(from), "-enddate", asn1(to)],
    );
    return { cert: join(this.dir, `${name}.pem`), key: join(this.dir, `${name}.key`) };
  }

  private openssl(...args: string[]): void {
    const { status, stderr, error } = spawnSync("openssl", args, {
      cwd: this.dir,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`);
  }
}

/** From now. */
export function hours(n: number): Date {
  return new Date(Date.now() + n * 3_600_000);
}

function config(names: string): string {
  return `[ca]
default_ca = rack
[rack]
database = index.txt
serial = serial
new_certs_dir = new
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = ${names}
`;
}

/** As `openssl ca` takes dates: YYYYMMDDHHMMSSZ. */
function asn1(date: Date): string {
  return `${date.toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
}
