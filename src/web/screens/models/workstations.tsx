import { useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { placeOf } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";

/** A machine with an agent, as the server lists it. */
export interface ShownWorkstation {
  name: string | null;
  user: string | null;
  state: "connected" | "away";
  connectedSince: string | null;
  lastSeenAt: string | null;
  version: string | null;
  publishes: { kind: string; name: string; status: string | null }[];
}

/** The machines with an agent, and what they publish. */
export function Workstations() {
  const workstations = useLoaded<ShownWorkstation[]>("/api/v1/workstations", 3000);
  return (
    <section class="panel">
      <header>
        <h2>Workstations</h2>
      </header>
      <Show of={workstations}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No workstation is connected">
              <span>An agent publishes the models of its machine here. On that machine:</span>
              <CodeBlock text={`mcpctl --server ${location.origin} login\nmcpctl agent`} />
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map((one) => (
                <li key={`${one.user} ${one.name}`}>
                  <strong>{one.name ?? "without a name"}</strong>
                  <span class="quiet small">
                    of {one.user ?? "nobody"}
                    {one.version && `, version ${one.version}`}, heard <Time at={one.lastSeenAt} as="ago" />
                  </span>
                  <span class="row">
                    {one.publishes.map(({ kind, name, status }) => (
                      <span key={`${kind} ${name}`} class="small">
                        {kind === "llm" ? (
                          <a href={placeOf(["models", "llms", name])}>{name}</a>
                        ) : (
                          `${kind} ${name}`
                        )}{" "}
                        <Badge state={status} />
                      </span>
                    ))}
                    {one.publishes.length === 0 && (
                      <span class="quiet small">publishes nothing that you may see</span>
                    )}
                  </span>
                  <Badge state={one.state} />
                </li>
              ))}
            </ul>
          )
        }
      </Show>
      <div class="body">
        <p class="quiet small">
          A call wakes a model that sleeps, and so does “Wake and try” of an LLM. The agent puts it to sleep
          again when nobody has called it for the time that its configuration says.
        </p>
        <Command text="mcpctl get workstations" />
      </div>
    </section>
  );
}
