import { useKind } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { placeOf } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { duration } from "../../ui/format.ts";
import { Empty, Show } from "../../ui/states.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownLlm } from "./shown-llm.ts";

/** Members of a pool that are named in its row. */
const mostNamed = 12;

/** Pools: llms of which any answers a call. */
export function Pools() {
  const llms = useKind<ShownLlm>("llms");
  return (
    <section class="panel">
      <header>
        <h2>Pools</h2>
      </header>
      <Show of={llms}>
        {(all) => {
          const pools = [
            ...Map.groupBy(
              all.filter(({ poolName }) => poolName),
              ({ poolName }) => poolName!,
            ),
          ].sort(([a], [b]) => (a < b ? -1 : 1));
          if (pools.length === 0)
            return (
              <Empty title="No pool yet">
                <span>
                  LLMs with the same pool name answer for each other: when one fails or is busy, a call goes
                  to the next. Set the pool of an LLM under LLMs, Change.
                </span>
              </Empty>
            );
          return (
            <ul class="plain-list">
              {pools.map(([name, members]) => (
                <Pool key={name} name={name} members={members} />
              ))}
            </ul>
          );
        }}
      </Show>
      <div class="body">
        <Command text={commandOf("patch", "llm", "NAME", "poolName=POOL")} />
      </div>
    </section>
  );
}

function Pool({ name, members }: { name: string; members: readonly ShownLlm[] }) {
  const good = members.filter(({ status, health }) => status !== "inactive" && health?.status !== "failing");
  const times = members.flatMap(({ health }) =>
    typeof health?.latencyMs === "number" ? [health.latencyMs] : [],
  );
  times.sort((a, b) => a - b);
  const state = good.length === members.length ? "ok" : good.length === 0 ? "failing" : "degraded";
  return (
    <li>
      <strong>{name}</strong>
      <span>
        {members.slice(0, mostNamed).map((member, i) => (
          <span key={member.id}>
            {i > 0 && ", "}
            <a href={placeOf(["models", "llms", member.name])}>{member.name}</a>
          </span>
        ))}
        {members.length > mostNamed && (
          <>
            {" "}
            and <a href={placeOf(["models", "llms"], { text: name })}>{members.length - mostNamed} more</a>
          </>
        )}
      </span>
      <span class="row">
        {times.length > 0 && <span class="quiet small">median {duration(times[times.length >> 1])}</span>}
        <span class="small">
          {good.length} of {members.length} can answer
        </span>
        <Badge state={state} />
      </span>
    </li>
  );
}
