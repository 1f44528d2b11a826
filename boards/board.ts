/**
 * A kind of gateway: what the agent may count on when it runs there. Data only, so that the same profile can
 * serve the agent, an image builder and a test.
 */
export interface Board {
  /** What `--board` takes: lower-case words joined by dashes. Stable. */
  readonly id: string;
  /** As its maker writes it. */
  readonly title: string;
  readonly match: BoardMatch;
  /** Memory of the smallest model of this board, in MiB. The budgets fit into it beside the operating system. */
  readonly memoryMiB: number;
  /** The one that faces the rack first. */
  readonly nics: readonly Nic[];
  readonly storage: Storage;
  /** The light that shows the agent's state; absent: none that we know. */
  readonly led?: Led;
  readonly budgets: Budgets;
  /** How to build a bootable image for this board; absent: the agent is installed on a system that is there. */
  readonly image?: ImageRecipe;
}

/** How a running system shows that it is this board. */
export interface BoardMatch {
  /**
   * Entries of the root node's `compatible` in the device tree (Devicetree Specification section 2.3.1).
   * Those of one machine go from the exact model to the chip family; a board lists exact models.
   */
  readonly deviceTreeCompatible?: readonly string[];
  /** Processor architectures as Node names them, for boards that stand in for all others. */
  readonly arch?: readonly string[];
}

/** A network interface that the board comes with, or needs. */
export interface Nic {
  /** `adapter`: not on the board, someone has to plug one in. */
  readonly kind: "wired" | "wifi" | "adapter";
  /** What it hangs on. */
  readonly bus: "soc" | "usb" | "pcie" | "any";
  /** The name that it usually gets; absent where it depends on the adapter or the distribution. */
  readonly name?: string;
  /** Highest rate of the link in Mbit/s. */
  readonly mbps: number;
}

/** Where the agent's state and cache lie. */
export interface Storage {
  readonly kind: "sd" | "disk";
  /** Whether frequent small writes wear it out: journals are then kept in memory and written in batches. */
  readonly wears: boolean;
}

/** A light under /sys/class/leds. */
export interface Led {
  /** The folder's name. */
  readonly name: string;
}

/** What the agent may take for itself. */
export interface Budgets {
  /** V8's old space. */
  readonly heapMiB: number;
  /** File chunks in memory, outside V8's heap. */
  readonly chunkCacheMiB: number;
  /** One chunk. A transfer holds at most two. */
  readonly chunkKiB: number;
  /** Kernel memory for raw frames that wait for us: each takes 2 KiB of it, and it counts twice as ours. */
  readonly linkBufferKiB: number;
  /** TFTP transfers at once. */
  readonly transfers: number;
  /** HTTP connections served at once; the others wait for their turn. */
  readonly httpConnections: number;
  /** RPC connections at once, for each program: an NFS root by TCP has one for as long as its machine runs. */
  readonly rpcConnections: number;
  /** Journal entries kept in memory. */
  readonly journalEntries: number;
  /** Assets on disk, all versions together; the site's `cache.size` takes its place. */
  readonly diskCacheMiB: number;
  /** Fetches from stores at once: each hashes and writes, which a small board cannot do twice beside serving. */
  readonly fetches: number;
  /** Whether a large file is hashed in a thread of its own while it comes in: about 10 MB, for uplinks above 1 Gbit/s. */
  readonly hashThread: boolean;
}

/** What an image builder needs to make a bootable medium. No board has one yet; see README.md. */
export interface ImageRecipe {
  /** The system that the image starts from. */
  readonly base: string;
  /** Packages beyond it. */
  readonly packages: readonly string[];
  /** Settings of the board's boot loader: name to value. */
  readonly bootConfig: Readonly<Record<string, string>>;
}
