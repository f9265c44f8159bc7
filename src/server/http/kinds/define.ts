import type { Resource } from "../../../kinds/define.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Row } from "../../core/store/types.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Behaviour that a kind adds to the routes that every kind has. */
export interface KindRoutes {
  /** Query parameters of a create, with their descriptions. */
  createQuery?: Readonly<Record<string, string>>;
  /** Returns the user to whom a new object will belong, if not to the caller. Throws AppError if the caller may not. */
  ownerOf?(server: Server, call: Call): Principal | undefined;
  /** Adds to the response to a create. */
  created?(server: Server, call: Call, object: Resource): Promise<void>;
  /** Adds to the response to a change. */
  updated?(server: Server, call: Call, object: Resource): Promise<void>;
  /** Query parameters of a read of one object, with their descriptions. */
  readQuery?: Readonly<Record<string, string>>;
  /** Returns what the response to a read of one object has besides the object; undefined for nothing. */
  read?(server: Server, call: Call, row: Row): Promise<object | undefined>;
  /** Routes of its own. */
  routes?(server: Server): Route[];
}
