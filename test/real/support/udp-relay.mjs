// node udp-relay.mjs SERVER LOCAL-PORT
//
// A UDP socket in this network namespace for a test that is not in it. Messages on standard input and output: a 32-bit length of what
// follows, a 16-bit port (where to, where from), the datagram. Ends with its standard input.
import { createSocket } from "node:dgram";

const [server, localPort] = process.argv.slice(2);
const socket = createSocket("udp4");
socket.on("message", (message, from) => {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(message.length + 2, 0);
  head.writeUInt16BE(from.port, 4);
  process.stdout.write(Buffer.concat([head, message]));
});
socket.bind(Number(localPort), () => process.stderr.write("up\n"));
let rest = Buffer.alloc(0);
for await (const piece of process.stdin) {
  rest = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
    const end = 4 + rest.readUInt32BE(0);
    socket.send(rest.subarray(6, end), rest.readUInt16BE(4), server);
    rest = rest.subarray(end);
  }
}
process.exit(0);
