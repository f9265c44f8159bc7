import type { ServerCall } from "../mcp/types.ts";

/** The resources that instances of this node follow, each with those for whom: this node, and links of other nodes. */
export class FollowedResources {
  readonly #followed = new Map<string, { call: ServerCall; number: number; followers: Set<object> }>();

  /** Notes that a resource is followed for somebody. */
  add(slot: string, number: number, call: ServerCall, follower: object): void {
    const key = keyOf(slot, call);
    const entry = this.#followed.get(key) ?? { call, number, followers: new Set() };
    entry.followers.add(follower);
    this.#followed.set(key, entry);
  }

  /** Notes that somebody follows a resource no more. Returns true if nobody else does. */
  remove(slot: string, call: ServerCall, follower: object): boolean {
    const key = keyOf(slot, call);
    const entry = this.#followed.get(key);
    if (!entry) return true;
    entry.followers.delete(follower);
    if (entry.followers.size > 0) return false;
    this.#followed.delete(key);
    return true;
  }

  /** Notes that somebody has gone. Returns the resources that nobody follows any more, with the numbers of their instances. */
  removeAll(follower: object): { call: ServerCall; number: number }[] {
    const left: { call: ServerCall; number: number }[] = [];
    for (const [key, { call, number, followers }] of this.#followed) {
      if (!followers.delete(follower) || followers.size > 0) continue;
      this.#followed.delete(key);
      left.push({ call, number });
    }
    return left;
  }
}

function keyOf(slot: string, { server, params }: ServerCall): string {
  return JSON.stringify([server.id, slot, params["uri"]]);
}
