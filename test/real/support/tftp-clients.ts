import { SERVER_ADDRESS } from "./lab.ts";
import { BUSYBOX } from "./products.ts";

/** A command that fetches a file of the agent. */
export type TftpClient = (remote: string, local: string) => readonly string[];

export const hpa: TftpClient = (remote, local) => {
  return ["tftp", "-m", "binary", SERVER_ADDRESS, "-c", "get", remote, local];
};

/** tftp-hpa's own default. */
export const hpaNetascii: TftpClient = (remote, local) => {
  return ["tftp", "-m", "netascii", SERVER_ADDRESS, "-c", "get", remote, local];
};

export const busybox = (...options: string[]): TftpClient => {
  return (remote, local) => [
    ...[BUSYBOX, "tftp", "-g", "-r", remote, "-l", local],
    ...[...options, SERVER_ADDRESS],
  ];
};

export const curl = (...options: string[]): TftpClient => {
  return (remote, local) => [
    ...["curl", "-sS", "--max-time", "120", ...options],
    ...["-o", local, `tftp://${SERVER_ADDRESS}/${remote}`],
  ];
};

export const atftp = (...options: string[]): TftpClient => {
  return (remote, local) => [
    "atftp",
    ...options.flatMap((option) => ["--option", option]),
    ...["--get", "-r", remote, "-l", local, SERVER_ADDRESS],
  ];
};
