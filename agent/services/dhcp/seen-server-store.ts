import type { Database, Table } from "../../state/database.ts";
import type { SeenServer, SeenServerMemory } from "./mode.ts";

/**
 * Keeps which other server was seen at an interface, in the table "dhcp.mode". A record that is not one counts as none.
 *
 * It is kept by interface and not by address: the cable is what another server hangs on.
 */
export function openSeenServer(database: Database, interfaceName: string): SeenServerMemory {
  const table: Table<SeenServer> = database.table("dhcp.mode");
  return {
    read() {
      const kept: Partial<SeenServer> | undefined = table.get(interfaceName);
      const { address, sinceMs } = kept ?? {};
      if (typeof address !== "number" || typeof sinceMs !== "number") return undefined;
      return { address: address | 0, sinceMs };
    },
    async write(server) {
      await database.transaction(() => {
        if (server) table.putSync(interfaceName, server);
        else table.removeSync(interfaceName);
      });
    },
  };
}
