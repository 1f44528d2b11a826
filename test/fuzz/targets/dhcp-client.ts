import { ClasslessRoutesView } from "../../../protocols/dhcp/classless-routes.ts";
import {
  ArchitectureListView,
  ClientIdentifierView,
  Ipv4ListView,
  MachineIdentifierView,
  NetworkInterfaceView,
} from "../../../protocols/dhcp/client-options.ts";
import { UserClassView } from "../../../protocols/dhcp/user-class.ts";
import { VendorIdentifyingView } from "../../../protocols/dhcp/vendor-identifying.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, type Target } from "../engine/target.ts";

const identifier = new ClientIdentifierView();
const architectures = new ArchitectureListView();
const nic = new NetworkInterfaceView();
const machine = new MachineIdentifierView();
const addresses = new Ipv4ListView();
const classes = new UserClassView();
const routes = new ClasslessRoutesView();
const vendors = new VendorIdentifyingView();

/** What clients say of themselves, and options that are lists: 61, 77, 93, 94, 97, 121, 124, 125, 150. */
export const dhcpClient: Target = {
  name: "dhcp-client",
  sources: [
    "/protocols/dhcp/client-options",
    "/protocols/dhcp/user-class",
    "/protocols/dhcp/classless-routes",
    "/protocols/dhcp/vendor-identifying",
  ],
  maxLen: 255,
  dictionary: [
    ascii("iPXE"),
    ascii("\x04iPXE"),
    ascii("\x18\x0a\0\0\x0a\0\0\x01"),
    ascii("\0\0\x0d\xe9\x02\x01\x01"),
  ],
  run(o, at, len, t) {
    if (identifier.reset(o, at, len) === Status.Ok) {
      t.view(identifier);
      t.range("identifier", identifier.idAt, identifier.idLen);
    }
    if (architectures.reset(o, at, len) === Status.Ok) {
      for (let i = -1; i <= architectures.count; i++) t.add(architectures.architecture(i));
    }
    if (nic.reset(o, at, len) === Status.Ok) t.view(nic);
    if (machine.reset(o, at, len) === Status.Ok) {
      t.add(machine.type);
      if (machine.uuidAt >= 0) t.range("uuid", machine.uuidAt, 16);
    }
    if (addresses.reset(o, at, len) === Status.Ok) {
      for (let i = -1; i <= addresses.count; i++) t.add(addresses.address(i));
    }
    let steps = 0;
    if (classes.reset(o, at, len) === Status.Ok) {
      t.add(classes.isBare);
      while (classes.next()) {
        t.range("class", classes.valueAt, classes.valueLen);
        t.check(++steps <= len, "takes more steps than octets");
      }
    }
    steps = 0;
    t.add(routes.reset(o, at, len));
    if (routes.reset(o, at, len) === Status.Ok) {
      while (routes.next()) {
        t.add(routes.prefixLen, routes.destination, routes.router);
        t.check(++steps <= len, "takes more steps than octets");
      }
    }
    steps = 0;
    if (vendors.reset(o, at, len) === Status.Ok) {
      while (vendors.next()) {
        t.add(vendors.enterprise);
        t.range("vendor", vendors.dataAt, vendors.dataLen);
        t.check(++steps <= len, "takes more steps than octets");
      }
    }
  },
};
