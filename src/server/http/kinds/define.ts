import type { Resource } from "../../../kinds/define.ts";
import type { Row } from "../../core/store/types.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** Behaviour that a kind adds to the routes that every kind has. */
export interface KindRoutes {
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
