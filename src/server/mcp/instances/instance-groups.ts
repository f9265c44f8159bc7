import { AppError } from "../../../errors.ts";
import type { CallerGroup } from "../caller-group.ts";
import type { Instance } from "./instance.ts";
import { slotOf } from "./slots.ts";

/** The most groups of one server, and those of one user. */
const most = { perServer: 100, perUser: 10 };

/** The instances of one server, by the callers that share them. */
export class InstanceGroups {
  readonly #groups = new Map<string, { group: CallerGroup; instances: Instance[] }>();

  get all(): Instance[] {
    return [...this.#groups.values()].flatMap(({ instances }) => instances);
  }

  /** Returns the instance in a slot. */
  in(slot: string): Instance | undefined {
    return this.all.find((one) => slotOf(one, one.number) === slot);
  }

  /** Returns the callers of an instance; undefined for one that all share. */
  callersOf(instance: Instance): CallerGroup | undefined {
    return instance.key === "" ? undefined : this.#groups.get(instance.key)?.group;
  }

  /** Returns the instances that follow resources: their callers, their numbers, and the URIs. */
  followers(): { group: CallerGroup; number: number; uris: string[] }[] {
    return [...this.#groups.values()].flatMap(({ group, instances }) =>
      instances
        .filter(({ followed }) => followed.size > 0)
        .map(({ number, followed }) => ({ group, number, uris: [...followed] })),
    );
  }

  /**
   * Returns the instances of a group, which are made if they are missing.
   *
   * @param make makes one instance
   * @param end ends one that makes room
   * @throws AppError `too_many_requests` if there are too many groups, and all are in use
   */
  of(
    group: CallerGroup,
    count: number,
    make: () => Instance,
    end: (instance: Instance) => void,
  ): readonly Instance[] {
    const { instances } = this.#entry(group, end);
    while (instances.length < count) instances.push(make());
    return instances;
  }

  /** Returns the instance of a group that has a number. It is made as `of` makes instances. */
  at(group: CallerGroup, number: number, make: () => Instance, end: (instance: Instance) => void): Instance {
    const { instances } = this.#entry(group, end);
    const found = instances.find((one) => one.number === number) ?? make();
    if (!instances.includes(found)) instances.push(found);
    return found;
  }

  /** Removes the instances that a condition holds for, and returns them. */
  take(holds: (group: CallerGroup, instance: Instance, index: number) => boolean): Instance[] {
    const taken: Instance[] = [];
    for (const [key, entry] of this.#groups) {
      const left = entry.instances.filter((one, i) => !holds(entry.group, one, i));
      if (left.length === entry.instances.length) continue;
      taken.push(...entry.instances.filter((one) => !left.includes(one)));
      if (left.length > 0) entry.instances = left;
      else this.#groups.delete(key);
    }
    return taken;
  }

  #entry(group: CallerGroup, end: (instance: Instance) => void) {
    let entry = this.#groups.get(group.key);
    if (!entry) {
      this.#makeRoom(group, end);
      entry = { group, instances: [] };
      this.#groups.set(group.key, entry);
    }
    return entry;
  }

  #makeRoom({ key, userId }: CallerGroup, end: (instance: Instance) => void): void {
    if (key === "") return;
    const groups = [...this.#groups.values()].filter(({ group }) => group.key !== "");
    const own = groups.filter(({ group }) => group.userId === userId);
    const isFull = own.length >= most.perUser;
    if (!isFull && groups.length < most.perServer) return;
    const usedAt = (instances: Instance[]) => Math.max(...instances.map((one) => one.usedAt));
    const oldest = own
      .filter(({ instances }) => instances.every(({ queue }) => queue.load === 0))
      .sort((a, b) => usedAt(a.instances) - usedAt(b.instances))[0];
    if (!oldest) {
      const whose = isFull ? "you use" : "are in use";
      throw new AppError(
        "too_many_requests",
        isFull
          ? `${whose} ${most.perUser} instances of this MCP server at the same time, which is the most`
          : `${most.perServer} instances of this MCP server ${whose}, which is the most`,
        { retryAfter: 5 },
      );
    }
    for (const instance of this.take(({ key: other }) => other === oldest.group.key)) end(instance);
  }
}
