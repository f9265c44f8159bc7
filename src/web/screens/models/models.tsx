import { useMemo, useState } from "preact/hooks";
import { type ApiObject, useKind, useLoaded } from "../../api/lists.ts";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { Search } from "../../ui/fields.tsx";
import { duration } from "../../ui/format.ts";
import { SourceButton } from "../../ui/source.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import type { ShownLlm } from "../overview/server-state.tsx";
import { AddProvider } from "./add-provider.tsx";
import { LlmDialog } from "./llm-dialog.tsx";
import { type LlmPriceLine, priceText } from "./prices.ts";

/** Llms, pools, personas, and what workstations publish. */
export function Models() {
  const llms = useKind<ShownLlm>("llms");
  const prices = useLoaded<{ llms: LlmPriceLine[] }>("/api/v1/prices", 60_000);
  const [search, setSearch] = useState("");
  const [isAdding, setAdding] = useState(false);
  const opened = route.value.path[1];
  const byName = useMemo(() => new Map(prices.value?.llms.map((line) => [line.llm, line])), [prices.value]);
  const wanted = useMemo(() => filtered(llms.value ?? [], search), [llms.value, search]);
  const one = llms.value?.find(({ name }) => name === opened);
  return (
    <>
      <div class="head">
        <h1>Models</h1>
        <div class="row">
          <Search label="Find a model" value={search} onValue={setSearch} />
          <SourceButton kind="llm" objects={llms.value && wanted} />
          <button type="button" class="button primary" onClick={() => setAdding(true)}>
            Add a provider
          </button>
        </div>
      </div>
      <div class="stack">
        <section class="panel" aria-label="LLMs">
          <Show of={llms} lines={8}>
            {(all) =>
              all.length === 0 ? (
                <Empty title="No model yet">
                  <span>Add a provider with its key, or start an agent on a machine that runs models.</span>
                  <button type="button" class="button primary" onClick={() => setAdding(true)}>
                    Add a provider
                  </button>
                </Empty>
              ) : (
                <LlmTable llms={wanted} prices={byName} search={search} />
              )
            }
          </Show>
        </section>
        <Personas />
      </div>
      {isAdding && <AddProvider onClose={() => setAdding(false)} />}
      {one && (
        <LlmDialog
          key={one.id}
          llm={one}
          price={byName.get(one.name)}
          onClose={() => goTo(placeOf(["models"]))}
        />
      )}
    </>
  );
}

function filtered(llms: readonly ShownLlm[], search: string): ShownLlm[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return llms.filter((llm) => {
    const text =
      `${llm.name} ${llm.type} ${llm.model ?? ""} ${llm.poolName ?? ""} ${llm.status} ${llm.owner ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function LlmTable({
  llms,
  prices,
  search,
}: {
  llms: readonly ShownLlm[];
  prices: ReadonlyMap<string, LlmPriceLine>;
  search: string;
}) {
  if (llms.length === 0)
    return (
      <Empty title="No model matches">
        <span>Nothing has “{search}” in its name, type, model or pool.</span>
      </Empty>
    );
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th>Status</th>
            <th class="wide">Type</th>
            <th class="wide">Model</th>
            <th class="wide">Pool</th>
            <th class="number">Latency</th>
            <th class="number wide">Price in / out</th>
          </tr>
        </thead>
        <tbody>
          {llms.map((llm) => (
            <tr key={llm.id}>
              <td>
                <a href={placeOf(["models", llm.name])}>{llm.name}</a>
              </td>
              <td class="tight">
                <Badge state={llm.health?.status === "failing" ? "failing" : llm.status} />
              </td>
              <td class="wide">{llm.type}</td>
              <td class="wide mono">{llm.model}</td>
              <td class="wide">{llm.poolName ?? ""}</td>
              <td class="number">{duration(llm.health?.latencyMs)}</td>
              <td class="number wide">{priceText(prices.get(llm.name))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface ShownPersona extends ApiObject {
  description: string;
  status: string | null;
  llm?: string;
}

function Personas() {
  const personas = useLoaded<ShownPersona[]>("/api/v1/agents");
  return (
    <section class="panel">
      <header>
        <h2>Personas</h2>
        <SourceButton kind="agent" objects={personas.value} />
      </header>
      <Show of={personas}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No persona yet">
              <span>
                A persona is a model with a system prompt: <code>mcpctl create agent NAME --llm LLM</code>
              </span>
            </Empty>
          ) : (
            <ul class="plain-list">
              {all.map(({ id, name, description, llm, status }) => (
                <li key={id}>
                  <a href={placeOf(["playground"], { model: `agent:${name}` })}>{name}</a>
                  <span class="quiet small">{[llm, description].filter(Boolean).join(" · ")}</span>
                  <Badge state={status} />
                </li>
              ))}
            </ul>
          )
        }
      </Show>
    </section>
  );
}
