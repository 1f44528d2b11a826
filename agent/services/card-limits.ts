import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { ServiceContext } from "./context.ts";
import { type Rate, RateLimit } from "./rate-limit.ts";

/** What one card may ask; more than any firmware does. */
const PER_CARD: Rate = { burst: 60, perSecond: 10 };
const MAX_CARDS = 8_192;

/**
 * How often cards may ask by one protocol, each of them and all that the site does not name together: those that it names are
 * answered whatever the others do.
 */
export class CardLimits {
  private readonly context: ServiceContext;
  private readonly cards: RateLimit;

  constructor(context: ServiceContext) {
    this.context = context;
    this.cards = new RateLimit(PER_CARD, MAX_CARDS, () => context.clock.now());
  }

  /** What cards that the site does not name may ask together, by one way. */
  strangers(rate: Rate): RateLimit {
    return new RateLimit(rate, 1, () => this.context.clock.now());
  }

  /** Whether one more question of this card is looked at. `strangers`: of the way that it came. */
  admits(mac: MacText, strangers: RateLimit): boolean {
    const named = this.context.planner.site.machineByMac.has(mac);
    return (named || strangers.admits("")) && this.cards.admits(mac);
  }
}
