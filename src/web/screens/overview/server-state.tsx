import type { ComponentChildren } from "preact";
import { type ApiObject, type Loaded, useLoaded } from "../../api/lists.ts";
import { placeOf } from "../../route.ts";
import { BackupFailed } from "../../ui/backup-failed.tsx";
import { Badge } from "../../ui/badge.tsx";
import { bytes, count, dollars, duration } from "../../ui/format.ts";
import { Empty, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import type { UsedLimit } from "../access/limits.tsx";
import type { ShownLlm } from "../models/shown-llm.ts";
import type { ShownWorkstation } from "../models/workstations.tsx";
import type { StatusAnswer } from "../settings/database.tsx";

/** Failing and slow llms, running programs, limits near their end, and the server itself. */
export function ServerState() {
  const llms = useLoaded<ShownLlm[]>("/api/v1/llms");
  const instances =
    useLoaded<(ApiObject & { status: string; server: string; error: string | null })[]>("/api/v1/instances");
  const workstations = useLoaded<ShownWorkstation[]>("/api/v1/workstations");
  const limits = useLoaded<UsedLimit[]>("/api/v1/limits");
  const use = useLoaded<StatusAnswer>("/api/v1/status");
  return (
    <div class="columns">
      <Part title="LLMs that fail" of={llms}>
        {(all) => <Failing llms={all} />}
      </Part>
      <Part title="Slowest LLMs" of={llms}>
        {(all) => <Slow llms={all} />}
      </Part>
      <Part title="Workstations" of={workstations}>
        {(all) => <Workstations workstations={all} />}
      </Part>
      <Part title="Programs of MCP servers" of={instances}>
        {(all) => (
          <Lines empty="None is running; a call starts it">
            {all.map(({ id, name, server, status, error }) => (
              <li key={id}>
                <a href={placeOf(["mcp", "servers", server])}>{name}</a>
                {error && <span class="quiet small">{error}</span>}
                <Badge state={status} />
              </li>
            ))}
          </Lines>
        )}
      </Part>
      <Part title="Limits near their end" of={limits}>
        {(all) => (
          <Lines empty="No limit is near its end">
            {all
              .filter(({ used, max }) => used >= max * 0.8)
              .map(({ kind, name, limit, used, max, resetsAt }) => (
                <li key={`${kind} ${name} ${limit}`}>
                  <span>
                    {kind} {name}: {amount(limit, used)} of {amount(limit, max)} {words(limit)}
                  </span>
                  <span class="quiet small">
                    begins again <Time at={resetsAt} as="ago" />
                  </span>
                </li>
              ))}
          </Lines>
        )}
      </Part>
      {use.error?.code !== "forbidden" && (
        <Part title="Server" of={use}>
          {(value) => <ServerFacts use={value} />}
        </Part>
      )}
    </div>
  );
}

function Part<T>({
  title,
  of,
  children,
}: {
  title: string;
  of: Loaded<T>;
  children: (value: T) => ComponentChildren;
}) {
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
      </header>
      <Show of={of}>{children}</Show>
    </section>
  );
}

function Lines({ empty, children }: { empty: string; children: ComponentChildren[] }) {
  return children.length === 0 ? (
    <p class="quiet small empty">{empty}.</p>
  ) : (
    <ul class="plain-list">{children}</ul>
  );
}

function Failing({ llms }: { llms: readonly ShownLlm[] }) {
  if (llms.length === 0)
    return (
      <Empty title="No LLM yet">
        <a class="button" href={placeOf(["models"])}>
          Add the first one
        </a>
      </Empty>
    );
  return (
    <Lines empty="All LLMs answer">
      {llms
        .filter(({ health }) => health?.status === "failing")
        .slice(0, 8)
        .map(({ id, name, health }) => (
          <li key={id}>
            <a href={placeOf(["models", "llms", name])}>{name}</a>
            <span class="quiet small">{health!.lastError?.message}</span>
            <span class="quiet small">
              <Time at={health!.since} as="ago" />
            </span>
          </li>
        ))}
    </Lines>
  );
}

function Slow({ llms }: { llms: readonly ShownLlm[] }) {
  const timed = llms.filter(({ health }) => typeof health?.latencyMs === "number");
  timed.sort((a, b) => b.health!.latencyMs! - a.health!.latencyMs!);
  return (
    <Lines empty="No model was called since the server started">
      {timed.slice(0, 5).map(({ id, name, health }) => (
        <li key={id}>
          <a href={placeOf(["models", "llms", name])}>{name}</a>
          <span class="number">{duration(health!.latencyMs)}</span>
        </li>
      ))}
    </Lines>
  );
}

/** The machines with an agent. */
function Workstations({ workstations }: { workstations: readonly ShownWorkstation[] }) {
  return (
    <Lines empty="No workstation publishes a model">
      {workstations.map(({ name, user, state, lastSeenAt, publishes }) => (
        <li key={`${user} ${name}`}>
          <a href={placeOf(["models", "workstations"])}>{name ?? user}</a>
          <span class="small">
            {publishes.filter(({ status }) => status === "active").length} of {publishes.length} active
          </span>
          <span class="quiet small">
            heard <Time at={lastSeenAt} as="ago" />
          </span>
          <Badge state={state} />
        </li>
      ))}
    </Lines>
  );
}

function ServerFacts({ use: { database, connections, backups } }: { use: StatusAnswer }) {
  return (
    <div class="body">
      {backups?.failedAt && <BackupFailed at={backups.failedAt} reason={backups.reason} />}
      <dl class="facts">
        <dt>Database</dt>
        <dd>
          {database.kind === "sqlite" ? "SQLite" : "PostgreSQL"}, {bytes(database.bytes)}
        </dd>
        <dt>Free on its disk</dt>
        <dd>{bytes(database.freeBytes)}</dd>
        <dt>Connections</dt>
        <dd>{connections?.open ?? "–"}</dd>
        <dt>Last backup</dt>
        <dd>{backups ? <Time at={backups.lastAt} as="ago" /> : "The server makes none by itself"}</dd>
      </dl>
    </div>
  );
}

function amount(limit: string, value: number): string {
  return limit.startsWith("cost") ? dollars(value) : count(value);
}

/** `tokensPerDay` as words. */
function words(limit: string): string {
  return limit.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^cost /, "");
}
