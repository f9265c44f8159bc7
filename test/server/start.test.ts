import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { type Component, Lifecycle } from "../../src/server/core/lifecycle.ts";
import { openStore } from "../../src/server/core/store/index.ts";
import { testServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

afterEach(() => void vi.restoreAllMocks());

/** Writes down the starts, drains and closes of all components of servers that start from now on. */
function recordComponents(): string[] {
  const events: string[] = [];
  const start = Lifecycle.prototype.start;
  vi.spyOn(Lifecycle.prototype, "start").mockImplementation(function (this: Lifecycle, component) {
    const { name } = component;
    const recorded: Component<unknown> = {
      name,
      start() {
        events.push(`start ${name}`);
        return component.start();
      },
      drain(part) {
        events.push(`drain ${name}`);
        return component.drain?.(part as never);
      },
      close(part) {
        events.push(`close ${name}`);
        return component.close?.(part as never);
      },
    };
    return start.call(this, recorded) as never;
  });
  return events;
}

const services = [
  ...[
    "store",
    "pulse",
    "catalogue",
    "secrets",
    "secret upkeep",
    "outbound",
    "public outbound",
    "private outbound",
    "gemini",
  ],
  ...["upkeep", "sessions", "limits", "audit", "mcp"],
];
const components = [
  ...services,
  ...["http", "workstations"],
  ...[
    "retention",
    "retention timer",
    "disk use timer",
    "database health timer",
    "upkeep timer",
    "client grants timer",
    "capabilities timer",
    "background answers",
    "background usage timer",
    "tasks",
    "tasks timer",
    "tasks upkeep timer",
    "secret upkeep timer",
    "sessions timer",
    "limits timer",
    "hand-over",
  ],
];
const steps = (step: string, names: readonly string[]) => names.map((name) => `${step} ${name}`);

it("starts components in this order; each drains and closes before the ones that it uses", async () => {
  // The first server of a process makes the database of the others.
  await (await testServer()).stop();
  const events = recordComponents();
  const commands = { path: "/nowhere", directory: join(temporaryFolder(), "gemini") };
  const server = await testServer({ commands });
  expect(events).toEqual(steps("start", components));
  events.length = 0;
  await server.stop();
  const backwards = components.toReversed();
  expect(events).toEqual([...steps("drain", backwards), ...steps("close", backwards)]);
});

it("closes what has started, the store last, when the port is taken", async () => {
  const other = await testServer();
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  const events = recordComponents();
  const commands = { path: "/nowhere", directory: join(folder, "gemini") };
  const listen = { hostname: "127.0.0.1", port: Number(new URL(other.url).port) };
  await expect(testServer({ folder, store, listen, commands })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(events).toEqual([
    ...steps("start", [...services, "http"]),
    ...steps("close", services.toReversed()),
  ]);
  await expect(store.ping()).rejects.toThrow();
});
