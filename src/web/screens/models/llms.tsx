import { useMemo, useState } from "preact/hooks";
import { useKind, useLoaded } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { SourceButton } from "../../objects/source.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { Badge } from "../../ui/badge.tsx";
import { Search } from "../../ui/fields.tsx";
import { duration } from "../../ui/format.ts";
import { Empty, Show } from "../../ui/states.tsx";
import { AddProvider } from "./add-provider.tsx";
import { LlmDialog } from "./llm-dialog.tsx";
import { type LlmPriceLine, priceText } from "./prices.ts";
import type { ShownLlm } from "./shown-llm.ts";

/** Llms with their state, latency and price. */
export function Llms() {
  const llms = useKind<ShownLlm>("llms");
  const prices = useLoaded<{ llms: LlmPriceLine[] }>("/api/v1/prices", 60_000);
  const { path, query } = route.value;
  const search = query.get("text") ?? "";
  const [isAdding, setAdding] = useState(false);
  const opened = path[2];
  const mayAdd = may("create", "llms");
  const byName = useMemo(() => new Map(prices.value?.llms.map((line) => [line.llm, line])), [prices.value]);
  const wanted = useMemo(() => filtered(llms.value ?? [], search), [llms.value, search]);
  const one = llms.value?.find(({ name }) => name === opened);
  return (
    <>
      <section class="panel">
        <header>
          <h2>LLMs</h2>
          {llms.value?.length !== 0 && (
            <div class="row">
              <Search
                label="Find a model"
                value={search}
                onValue={(text) => goTo(placeOf(["models", "llms"], { text }), true)}
              />
              <SourceButton kind="llm" objects={llms.value && wanted} />
              {mayAdd && (
                <button
                  type="button"
                  class="button primary"
                  aria-haspopup="dialog"
                  onClick={() => setAdding(true)}
                >
                  Add a provider
                </button>
              )}
            </div>
          )}
        </header>
        <Show of={llms} lines={8}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="No model yet">
                <span>
                  {mayAdd
                    ? "Add a provider with its key, or start an agent on a machine that runs models."
                    : "There is none that you may see. Somebody who manages access can change that."}
                </span>
                {mayAdd && (
                  <button type="button" class="button primary" onClick={() => setAdding(true)}>
                    Add a provider
                  </button>
                )}
              </Empty>
            ) : (
              <LlmTable llms={wanted} prices={byName} search={search} />
            )
          }
        </Show>
      </section>
      {isAdding && <AddProvider onClose={() => setAdding(false)} />}
      {one && (
        <LlmDialog
          key={one.id}
          llm={one}
          price={byName.get(one.name)}
          onClose={() => goTo(placeOf(["models", "llms"], { text: search }))}
        />
      )}
    </>
  );
}

function filtered(llms: readonly ShownLlm[], search: string): ShownLlm[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return llms.filter((llm) => {
    const text =
      `${llm.name} ${llm.type} ${llm.model ?? ""} ${llm.poolName ?? ""} ${llm.status} ${llm.health?.status ?? ""} ${llm.owner ?? ""}`.toLowerCase();
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
                <a href={placeOf(["models", "llms", llm.name], { text: search })}>{llm.name}</a>
              </td>
              <td class="tight">
                <Badge state={llm.health?.status === "failing" ? "failing" : llm.status} />
              </td>
              <td class="wide tight">{llm.type}</td>
              <td class="wide mono">{llm.model}</td>
              <td class="wide pool">{llm.poolName ?? ""}</td>
              <td class="number">{duration(llm.health?.latencyMs)}</td>
              <td class="number wide">{priceText(prices.get(llm.name))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
